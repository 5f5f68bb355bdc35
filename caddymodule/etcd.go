package caddymodule

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/sesame-gateway/sesame/authcore/store"
	"github.com/sesame-gateway/sesame/authcore/store/etcdstore"
)

// cluster is a place in etcd, ready to be opened.
type cluster struct {
	endpoints []string // in order
	prefix    string
	with      etcdAccess
	options   func() etcdstore.Options // holds a password, and functions are never printed
}

// etcdAccess is what an open store has in common with a configuration that uses it
// too.
type etcdAccess struct {
	ca, cert, key, username, passwordFile string
	behind                                time.Duration
}

// name is where it is, for messages, and tells it from other places.
func (c *cluster) name() string {
	return "etcd at " + strings.Join(c.endpoints, " ") + " below " + c.prefix
}

// The bounds of behind: what no network keeps, and what nobody would call logged
// out.
const (
	minBehind = 100 * time.Millisecond
	maxBehind = time.Minute
)

// cluster checks what is configured of etcd, and reads its files.
func (e *Etcd) cluster() (*cluster, error) {
	c := &cluster{prefix: cmp.Or(e.Prefix, etcdstore.DefaultPrefix)}
	plain, err := c.addEndpoints(e.Endpoints)
	if err != nil {
		return nil, err
	}
	visible := strings.IndexFunc(c.prefix, func(r rune) bool { return r <= ' ' || r > '~' }) < 0
	if !visible || !strings.HasSuffix(c.prefix, "/") || len(c.prefix) > etcdstore.MaxPrefix {
		return nil, fmt.Errorf("prefix %q must end with / and have %d visible ASCII characters at most, as in: prefix sesame/", c.prefix, etcdstore.MaxPrefix)
	}
	if c.with, err = e.access(plain); err != nil {
		return nil, err
	}
	secure, err := c.with.tls(plain)
	if err != nil {
		return nil, err
	}
	password := ""
	if c.with.passwordFile != "" {
		if password, err = secretLine(c.with.passwordFile, 1, maxSharedSecret); err != nil {
			return nil, fmt.Errorf("password_file: %w", err)
		}
	}
	c.options = func() etcdstore.Options {
		return etcdstore.Options{
			Endpoints: c.endpoints, Prefix: c.prefix, TLS: secure,
			Username: c.with.username, Password: password, Behind: c.with.behind, Now: now,
		}
	}
	return c, nil
}

// addEndpoints reads the members' addresses, all of https, or all of http.
func (c *cluster) addEndpoints(configured []string) (plain bool, err error) {
	if len(configured) == 0 {
		return false, errors.New("the members' addresses are missing, as in: store etcd https://a:2379 https://b:2379 https://c:2379")
	}
	var secure bool
	for _, text := range configured {
		text, err := caddy.NewReplacer().ReplaceOrErr(text, true, true)
		if err != nil {
			return false, err
		}
		u, err := url.Parse(text)
		if err != nil || u.Hostname() == "" || u.Port() == "" || u.Scheme != "https" && u.Scheme != "http" || text != u.Scheme+"://"+u.Host {
			return false, errors.New("an endpoint must be like https://etcd1.example.org:2379, with its port and nothing behind")
		}
		if u.Scheme == "http" && !isLoopback(u.Hostname()) {
			return false, fmt.Errorf("%s: over http anybody on the way could change what the gate knows; use https, or a loopback address", text)
		}
		plain, secure = plain || u.Scheme == "http", secure || u.Scheme == "https"
		c.endpoints = append(c.endpoints, text)
	}
	if plain && secure {
		return false, errors.New("the endpoints must be all https, or all http")
	}
	slices.Sort(c.endpoints)
	c.endpoints = slices.Compact(c.endpoints)
	return plain, nil
}

// access checks how etcd is spoken to, and finds the files.
func (e *Etcd) access(plain bool) (a etcdAccess, err error) {
	switch {
	case (e.Cert == "") != (e.Key == ""):
		return a, errors.New("cert and key go together")
	case (e.Username == "") != (e.PasswordFile == ""):
		return a, errors.New("username and password_file go together")
	case plain && (e.CA != "" || e.Cert != ""):
		return a, errors.New("ca, cert and key are for https, and the endpoints are http")
	case e.Behind != 0 && (time.Duration(e.Behind) < minBehind || time.Duration(e.Behind) > maxBehind):
		return a, fmt.Errorf("behind must be %v to %v", minBehind, maxBehind)
	}
	a = etcdAccess{username: e.Username, behind: time.Duration(e.Behind)}
	for configured, path := range map[*string]*string{&e.CA: &a.ca, &e.Cert: &a.cert, &e.Key: &a.key, &e.PasswordFile: &a.passwordFile} {
		if *configured == "" {
			continue
		}
		if *path, err = resolvePath(*configured, ""); err != nil {
			return a, err
		}
	}
	return a, nil
}

// tls is what the members are spoken to with. The gate's certificate is read again
// for each connection, so that one which is renewed needs no word to the gate.
func (a etcdAccess) tls(plain bool) (*tls.Config, error) {
	if plain {
		return nil, nil
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if a.ca != "" {
		pem, err := os.ReadFile(a.ca)
		if err != nil {
			return nil, fmt.Errorf("ca: %w", err)
		}
		if c.RootCAs = x509.NewCertPool(); !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("ca: there is no certificate in %s", a.ca)
		}
	}
	if a.cert == "" {
		return c, nil
	}
	read := func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		pair, err := tls.LoadX509KeyPair(a.cert, a.key)
		return &pair, err
	}
	if _, err := read(nil); err != nil {
		return nil, fmt.Errorf("cert and key: %w", err)
	}
	c.GetClientCertificate = read
	return c, nil
}

// open connects to the cluster.
func (c *cluster) open(log *slog.Logger) (store.Store, error) {
	opts := c.options()
	opts.Logger = log
	return etcdstore.Open(opts)
}

// errOtherAccess is what a second user of a place in etcd gets who goes there
// otherwise.
var errOtherAccess = errors.New("this store in etcd is already open with another ca, cert, key, username, password_file or behind: to change them, stop the server first")

// used tells whether anything is in a store.
func used(st store.Store) (full bool, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), openTimeout)
	defer cancel()
	err = st.View(ctx, func(r store.Reader) error {
		for _, err := range r.Scan("", "") {
			full = err == nil
			return err
		}
		return nil
	})
	return full, err
}
