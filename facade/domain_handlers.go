package facade

import (
	"cmp"
	"context"
	"crypto"
	"errors"
	"mime"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/berth-dev/berth/facade/internal/apierr"
	"github.com/berth-dev/berth/facade/internal/mw"
	"github.com/berth-dev/berth/facade/internal/store"
	"github.com/berth-dev/berth/facade/internal/translate"
	"github.com/berth-dev/berth/facade/internal/web"
	"github.com/berth-dev/berth/facade/internal/wire"
	"github.com/berth-dev/berth/internal/certificate"
)

// domainStore is where Domains are read and written; store.Store says how.
type domainStore interface {
	Organization(ctx context.Context, name string) error
	ListDomains(ctx context.Context, organization string, window func(total int) (first, end int, err error)) ([]translate.Observed, int, error)
	GetDomain(ctx context.Context, organization, name string) (translate.Observed, error)
	DomainExists(ctx context.Context, organization, name string) error
	CreateDomain(ctx context.Context, organization string, body wire.DomainBody) (translate.Observed, error)
	ChangeDomain(ctx context.Context, organization, name string, plan store.Planner) (translate.Observed, error)
	KeepKey(ctx context.Context, organization, name string, key []byte, others []string) ([]string, error)
}

// domainHandlers serve the calls about domains. Those whose path names no organization are about all.
type domainHandlers struct {
	platform translate.Platform
	domains  domainStore
	shares   *shares
}

func (h *domainHandlers) list(c *gin.Context) (any, error) {
	request, err := web.ParsePage(c.Request)
	if err != nil {
		return nil, err
	}
	observed, total, err := h.domains.ListDomains(c.Request.Context(), c.Param("org"), request.Window)
	if err != nil {
		return nil, err
	}
	return pageOf(c, h.shares, h.shown(), request, total, observed)
}

// shown is how a domain is answered.
func (h *domainHandlers) shown() shown[wire.Domain] {
	return shown[wire.Domain]{
		size: func(o translate.Observed) int { return translate.SizeOfDomain(h.platform, o) },
		show: func(o translate.Observed) wire.Domain { return translate.ToDomain(h.platform, o) },
	}
}

func (h *domainHandlers) get(c *gin.Context) (any, error) {
	observed, err := h.domains.GetDomain(c.Request.Context(), c.Param("org"), c.Param("domain"))
	return read(c, h.shares, h.shown(), observed, err)
}

func (h *domainHandlers) create(c *gin.Context) (any, error) {
	if org := c.Param("org"); org != "" {
		// As with apps, what doesn't exist is told before what is wrong with the body.
		if err := h.domains.Organization(c.Request.Context(), org); err != nil {
			return nil, err
		}
	}
	members, err := web.Bind(c.Request)
	if err != nil {
		return nil, err
	}
	body, err := wire.ParseDomain(members)
	if err != nil {
		return nil, err
	}
	if err := h.shares.answer(c, 0, 0); err != nil {
		return nil, err
	}
	observed, err := h.domains.CreateDomain(c.Request.Context(), c.Param("org"), body)
	if err == nil {
		mw.Made(c, observed.App.Namespace, observed.App.Name)
	}
	return written(h.shown(), observed, err)
}

func (h *domainHandlers) put(c *gin.Context) (any, error) {
	if err := h.domains.DomainExists(c.Request.Context(), c.Param("org"), c.Param("domain")); err != nil {
		return nil, err
	}
	members, err := web.Bind(c.Request)
	if err != nil {
		return nil, err
	}
	body, err := wire.ParseDomain(members)
	if err != nil {
		return nil, err
	}
	force, err := forced(c)
	if err != nil {
		return nil, err
	}
	before, err := h.domains.GetDomain(c.Request.Context(), c.Param("org"), c.Param("domain"))
	if err := beforeWrite(c, h.shares, h.shown(), before, err); err != nil {
		return nil, err
	}
	plan := func(platform translate.Platform, observed translate.Observed, fresh translate.Fresh) (translate.Plan, error) {
		fresh.Force = force
		return translate.ChangeDomain(platform, observed, body, fresh)
	}
	observed, err := h.domains.ChangeDomain(c.Request.Context(), c.Param("org"), c.Param("domain"), plan)
	return written(h.shown(), observed, err)
}

func (h *domainHandlers) deleteCertificate(c *gin.Context) (any, error) {
	force, err := forced(c)
	if err != nil {
		return nil, err
	}
	plan := func(platform translate.Platform, observed translate.Observed, fresh translate.Fresh) (translate.Plan, error) {
		fresh.Force = force
		return translate.DeleteCertificate(platform, observed, fresh)
	}
	_, err = h.domains.ChangeDomain(c.Request.Context(), c.Param("org"), c.Param("domain"), plan)
	return nil, err
}

// newKey makes a private key, which never leaves the cluster, and answers with the request for its certificate.
func (h *domainHandlers) newKey(c *gin.Context) (any, error) {
	if err := h.domains.DomainExists(c.Request.Context(), c.Param("org"), c.Param("domain")); err != nil {
		return nil, err
	}
	algorithm := certificate.Algorithm(cmp.Or(c.Query("algorithm"), string(certificate.RSA)))
	if algorithm != certificate.RSA && algorithm != certificate.ECDSA {
		return nil, apierr.Field("algorithm", "An algorithm is rsa or ecdsa.")
	}
	others, err := furtherHosts(c.Request)
	if err != nil {
		return nil, err
	}
	key, err := h.generate(c.Request.Context(), c.Param("org"), algorithm)
	if err != nil {
		return nil, err
	}
	encoded, err := certificate.EncodeKey(key)
	if err != nil {
		return nil, err
	}
	hosts, err := h.domains.KeepKey(c.Request.Context(), c.Param("org"), c.Param("domain"), encoded, others)
	if err != nil {
		return nil, err
	}
	request, err := certificate.NewRequest(key, hosts[0], hosts[1:]...)
	return wire.CSR{CSR: string(request)}, err
}

// generate generates a private key, when it is the organization's turn: that of an RSA key takes a core for a moment.
func (h *domainHandlers) generate(ctx context.Context, organization string, algorithm certificate.Algorithm) (crypto.Signer, error) {
	done, err := h.shares.generate(ctx, organization)
	if err != nil {
		return nil, err
	}
	defer done()
	return certificate.NewKey(algorithm)
}

// furtherHosts reads the hosts that a request for a certificate is for beside the domain's. The call needs no body, and clients that know of none may
// send anything: of other bodies than JSON, those that cannot be understood have no hosts. One that has not been read as a whole may have some.
func furtherHosts(r *http.Request) ([]string, error) {
	members, err := web.Bind(r)
	mediaType, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	e, refused := errors.AsType[*apierr.Error](err)
	unknown := refused && (e.Status == http.StatusBadRequest || e.Status == http.StatusUnsupportedMediaType) && !errors.Is(err, web.ErrIncomplete)
	switch {
	case unknown && mediaType != "application/json":
		return nil, nil
	case err != nil:
		return nil, err
	}
	return wire.ParseDomains(members)
}
