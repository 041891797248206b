package facade

import (
	_ "embed" // For the contract.
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/berth-dev/berth/facade/internal/docs"
)

// openAPI is the contract. The tests hold every route and every answer against it.
//
//go:embed openapi.yaml
var openAPI []byte

// docHandlers serve the contract.
type docHandlers struct{ docs *docs.Docs }

// page answers with the contract: as a page, or as JSON to a client that asks for that alone.
func (h docHandlers) page(c *gin.Context) {
	c.Header("Vary", "Accept")
	if c.NegotiateFormat(gin.MIMEHTML, gin.MIMEJSON) == gin.MIMEJSON {
		h.contract(c)
		return
	}
	c.Header("Content-Security-Policy", h.docs.PagePolicy)
	c.Header("Referrer-Policy", "no-referrer")
	c.Data(http.StatusOK, "text/html; charset=utf-8", h.docs.Page)
}

func (h docHandlers) contract(c *gin.Context) {
	c.Data(http.StatusOK, "application/json", h.docs.JSON)
}
