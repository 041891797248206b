# syntax=docker/dockerfile:1
# One static binary in an empty image, run by an unprivileged user:
#   docker build --build-arg COMMAND=operator -t berth-operator .
#   docker build --build-arg COMMAND=facade -t berth-facade .
FROM --platform=$BUILDPLATFORM golang:1.26 AS build
ARG TARGETOS TARGETARCH COMMAND
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY api api
COPY cmd cmd
COPY controllers controllers
COPY facade facade
COPY internal internal
RUN CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH go build -trimpath -ldflags="-s -w" -o /berth ./cmd/$COMMAND

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /berth /berth
USER 65532:65532
ENTRYPOINT ["/berth"]
