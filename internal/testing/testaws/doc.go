// Package testaws is an AWS for tests: it speaks as much of STS and of ECR as pulling images takes, on the wire format of the real ones,
// verifies what clients sign, and does what AWS does on a bad day when it is told to. It also guards a registry as ECR does, or
// as registries do that have users with passwords.
package testaws
