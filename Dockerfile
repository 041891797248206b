# syntax=docker/dockerfile:1
# Images of a working tree, on a machine that has a container engine and need not have Go:
#   docker build --target operator -t berth-operator .
#   docker build --target facade -t berth-facade .
# What is released, `make release` builds without an engine: for all platforms, with SBOMs, the same bytes anywhere. Its images hold the same
# programs, by the same flags, at the same place; a test compares the flags, and builds what is copied here.
# The image that compiles is the only one that comes from a registry. To be sure which one it is, name it by digest:
#   docker build --build-arg GO_IMAGE=golang@sha256:… --target operator -t berth-operator .
ARG GO_IMAGE=golang:1.26
FROM --platform=$BUILDPLATFORM $GO_IMAGE AS build
ARG TARGETOS TARGETARCH VERSION
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY api api
COPY cmd cmd
COPY controllers controllers
COPY facade facade
COPY internal internal
RUN CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH \
    go build -trimpath -gcflags=all=-dwarf=false -ldflags="-s -w -X github.com/berth-dev/berth/internal/version.stamp=$VERSION" -o /out/ ./cmd/operator ./cmd/facade

FROM scratch AS operator
COPY --from=build /out/operator /operator
USER 65532:65532
ENTRYPOINT ["/operator"]

FROM scratch AS facade
COPY --from=build /out/facade /facade
USER 65532:65532
ENTRYPOINT ["/facade"]
