// Package apicall says what requests ask the API server for, for those who count or trace them.
package apicall

import (
	"net/http"
	"strings"
)

// Call is what a request asks the API server for, in its own words. It has no name that a client could choose.
type Call struct {
	// Verb is get, list, watch, create, update, patch, delete or deletecollection; for what is no resource, the method in lower case.
	Verb string
	// Resource is what it is done to, with its subresource: "apps", or "pods/log". Empty for what is no resource, such as the list of kinds.
	Resource string
	// Namespace is where that lies; empty for all of them, and for what lies in none.
	Namespace string
}

// Of reads from a request's method and path what it asks for.
func Of(r *http.Request) Call {
	parts := resourceParts(r.URL.Path)
	call := Call{Verb: strings.ToLower(r.Method)}
	if len(parts) > 2 && parts[0] == "namespaces" && parts[2] != "status" && parts[2] != "finalize" {
		call.Namespace, parts = parts[1], parts[2:]
	}
	if len(parts) == 0 {
		return call
	}
	call.Resource = parts[0]
	if len(parts) > 2 {
		call.Resource += "/" + parts[2]
	}
	call.Verb = verb(r, len(parts) > 1)
	return call
}

// resourceParts are the parts of a path behind the group and the version; none if it is of no resource.
func resourceParts(path string) []string {
	parts := strings.Split(strings.Trim(path, "/"), "/")
	front := 2 // api, v1
	if parts[0] == "apis" {
		front = 3 // apis, group, version
	} else if parts[0] != "api" {
		return nil
	}
	if len(parts) <= front {
		return nil
	}
	return parts[front:]
}

// verb is the API server's word for what a request does to a resource, or to one object of it.
func verb(r *http.Request, named bool) string {
	switch r.Method {
	case http.MethodGet:
		if watch := r.URL.Query().Get("watch"); watch == "true" || watch == "1" {
			return "watch"
		}
		if named {
			return "get"
		}
		return "list"
	case http.MethodPost:
		return "create"
	case http.MethodPut:
		return "update"
	case http.MethodDelete:
		if named {
			return "delete"
		}
		return "deletecollection"
	default:
		return strings.ToLower(r.Method)
	}
}
