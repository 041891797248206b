package ecr

import (
	"context"
	"encoding/base64"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// attemptTimeout bounds one request to AWS. The SDK makes three before it gives up.
const attemptTimeout = 5 * time.Second

// errMalformed says that ECR answered with something that is no token. What it was isn't told, since it may be a part of one.
var errMalformed = errors.New("the answer holds no token")

// platform is the platform's own identity of AWS, from where the SDK finds it: environment, IRSA, Pod Identity, the instance. It is looked
// for when it is first needed, since a platform whose Apps name no roles needs none.
type platform struct {
	mu     sync.Mutex
	config *aws.Config
	// caller is the ARN of the identity, once it is known.
	caller string
}

// load returns how AWS is called.
func (p *platform) load(ctx context.Context) (aws.Config, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.config != nil {
		return *p.config, nil
	}
	c, err := config.LoadDefaultConfig(ctx, config.WithHTTPClient(awshttp.NewBuildableClient().WithTimeout(attemptTimeout)))
	if err != nil {
		return aws.Config{}, &Error{Kind: NoIdentity, Said: "The settings of the AWS SDK can't be read."}
	}
	p.config = &c
	return c, nil
}

// token gets a token for the registries of a region that a role may read.
func (p *platform) token(ctx context.Context, role Role, session string) (password string, expires time.Time, err error) {
	c, err := p.load(ctx)
	if err != nil {
		return "", time.Time{}, err
	}
	// Asked for by itself, so that its failures can be told from those of the role.
	if _, err := c.Credentials.Retrieve(ctx); err != nil {
		return "", time.Time{}, identityError(err)
	}
	c.Region = role.Region
	assumed, err := sts.NewFromConfig(c).AssumeRole(ctx, &sts.AssumeRoleInput{
		RoleArn: &role.ARN, RoleSessionName: &session, ExternalId: &role.ExternalID,
	})
	if err != nil {
		return "", time.Time{}, p.roleError(ctx, c, err)
	}
	given := assumed.Credentials
	if given == nil {
		return "", time.Time{}, &Error{Kind: Unavailable, Said: errMalformed.Error()}
	}
	c.Credentials = credentials.NewStaticCredentialsProvider(
		aws.ToString(given.AccessKeyId), aws.ToString(given.SecretAccessKey), aws.ToString(given.SessionToken))
	out, err := ecr.NewFromConfig(c).GetAuthorizationToken(ctx, &ecr.GetAuthorizationTokenInput{})
	if err != nil {
		return "", time.Time{}, tokenError(err)
	}
	password, expires, err = read(out)
	if err != nil {
		return "", time.Time{}, &Error{Kind: Unavailable, Said: err.Error()}
	}
	return password, expires, nil
}

// read returns the password that ECR has given for the user AWS.
func read(out *ecr.GetAuthorizationTokenOutput) (string, time.Time, error) {
	if len(out.AuthorizationData) == 0 || out.AuthorizationData[0].ExpiresAt == nil {
		return "", time.Time{}, errMalformed
	}
	data := out.AuthorizationData[0]
	login, err := base64.StdEncoding.DecodeString(aws.ToString(data.AuthorizationToken))
	if err != nil {
		return "", time.Time{}, errMalformed
	}
	user, password, ok := strings.Cut(string(login), ":")
	if !ok || user != User || password == "" {
		return "", time.Time{}, errMalformed
	}
	return password, *data.ExpiresAt, nil
}

// whoami returns the ARN of the platform's identity, for a trust policy to name, or "" if AWS doesn't tell.
func (p *platform) whoami(ctx context.Context, c aws.Config) string {
	p.mu.Lock()
	caller := p.caller
	p.mu.Unlock()
	if caller != "" {
		return caller
	}
	// Without the lock, since AWS may be slow to answer and the other roles need nothing of this.
	out, err := sts.NewFromConfig(c).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return ""
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.caller = aws.ToString(out.Arn)
	return p.caller
}
