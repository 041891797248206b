// Package fuzz sends the facade what nobody would send on purpose: requests that its contract makes up, valid, nearly valid and hostile, and
// clients that are as slow as they can be. It is tests alone; what is fuzzed without a server has its targets beside the code.
package fuzz
