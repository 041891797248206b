package stack

// MailServer is the platform's mail server, and how to log in to it.
type MailServer struct {
	Host, Port, User string
	// PasswordFile and CA are files: of the user's password, and of the authority of the server's certificate.
	PasswordFile, CA string
}

// MailServer is the cluster's own mail server; nil for an existing cluster, whose mail servers are not known here.
func (s *Stack) MailServer() *MailServer {
	if s.cluster == nil {
		return nil
	}
	env := s.cluster.env
	return &MailServer{
		Host: env["SMTP_HOST"], Port: env["SMTP_PORT"], User: env["SMTP_USER"], PasswordFile: env["SMTP_PASSWORD_FILE"], CA: env["SMTP_CA"],
	}
}

// Network is the network that holds the server's address alone.
func (m *MailServer) Network() string { return m.Host + "/32" }

// facadeFlags are the flags of a facade that is a process of this machine.
func (m *MailServer) facadeFlags() []string {
	return []string{
		"--default-email-host=" + m.Host, "--default-email-port=" + m.Port, "--default-email-host-user=" + m.User,
		"--default-email-password-file=" + m.PasswordFile, "--email-ca-file=" + m.CA, "--email-allow-network=" + m.Network(),
	}
}
