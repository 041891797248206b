// Package testdns gives tests a real DNS server on loopback that answers for TXT records.
package testdns

import (
	"context"
	"net"
	"strings"
	"sync"

	"golang.org/x/net/dns/dnsmessage"
)

// Record is what there is under a name.
type Record struct {
	// Texts are the TXT records, each of one or more strings.
	Texts [][]string
	// Alias is the name that has them in truth; empty for the name itself.
	Alias string
	// Code is what the server answers with; zero for success.
	Code dnsmessage.RCode
	// Silent makes the server not answer at all.
	Silent bool
}

// Text returns TXT records of one string each.
func Text(texts ...string) Record {
	r := Record{}
	for _, text := range texts {
		r.Texts = append(r.Texts, []string{text})
	}
	return r
}

// Server is a DNS server. A name that was not set doesn't exist.
type Server struct {
	connection net.PacketConn

	mu      sync.Mutex
	records map[string]Record
	asked   map[string]int
}

// Start serves until ctx ends.
func Start(ctx context.Context) (*Server, error) {
	connection, err := (&net.ListenConfig{}).ListenPacket(ctx, "udp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &Server{connection: connection, records: map[string]Record{}, asked: map[string]int{}}
	context.AfterFunc(ctx, func() { _ = connection.Close() })
	go s.serve()
	return s, nil
}

// Address is where the server answers, host:port.
func (s *Server) Address() string { return s.connection.LocalAddr().String() }

// Set sets what there is under a name, without a dot at its end.
func (s *Server) Set(name string, r Record) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.records[name] = r
}

// Asked returns how often a name was asked for.
func (s *Server) Asked(name string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked[name]
}

func (s *Server) serve() {
	buffer := make([]byte, 1500)
	for {
		n, from, err := s.connection.ReadFrom(buffer)
		if err != nil {
			return
		}
		if answer, ok := s.answer(buffer[:n]); ok {
			_, _ = s.connection.WriteTo(answer, from)
		}
	}
}

func (s *Server) answer(question []byte) ([]byte, bool) {
	var message dnsmessage.Message
	if message.Unpack(question) != nil || len(message.Questions) != 1 {
		return nil, false
	}
	message.Response, message.RecursionAvailable, message.Additionals = true, true, nil
	q := message.Questions[0]
	r, ok := s.find(strings.TrimSuffix(q.Name.String(), "."))
	if !ok {
		r.Code = dnsmessage.RCodeNameError
	}
	message.RCode = r.Code
	owner := q.Name
	if r.Alias != "" {
		owner = dnsmessage.MustNewName(r.Alias + ".")
		message.Answers = append(message.Answers, dnsmessage.Resource{
			Header: dnsmessage.ResourceHeader{Name: q.Name, Class: dnsmessage.ClassINET}, Body: &dnsmessage.CNAMEResource{CNAME: owner},
		})
	}
	for _, text := range r.Texts {
		message.Answers = append(message.Answers, dnsmessage.Resource{
			Header: dnsmessage.ResourceHeader{Name: owner, Class: dnsmessage.ClassINET}, Body: &dnsmessage.TXTResource{TXT: text},
		})
	}
	packed, err := message.Pack()
	return packed, err == nil && !r.Silent
}

func (s *Server) find(name string) (Record, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked[name]++
	r, ok := s.records[name]
	return r, ok
}
