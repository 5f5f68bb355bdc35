package etcdtest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// An Authority makes certificates, for one test.
type Authority struct {
	File string // its own certificate

	t    testing.TB
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	made int64
}

// A Pair are the files of a certificate and its key.
type Pair struct{ Cert, Key string }

// A Use is what a certificate is for. The zero value is none.
type Use uint8

// The uses of certificates.
const (
	Server        Use = iota + 1 // a member, at the hosts named
	ExpiredServer                // the same, until yesterday
	Client                       // a gate
	ExpiredClient                // the same, until yesterday
)

// NewAuthority makes one.
func NewAuthority(t testing.TB) *Authority {
	t.Helper()
	a := &Authority{t: t, dir: t.TempDir()}
	a.key = a.newKey()
	self := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "the test's authority"},
		NotBefore: time.Now().AddDate(0, -1, 0), NotAfter: time.Now().AddDate(0, 1, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	a.cert = self
	a.File = a.write("ca.pem", "CERTIFICATE", a.sign(self, &a.key.PublicKey))
	return a
}

// Issue makes a certificate.
func (a *Authority) Issue(use Use, hosts ...string) Pair {
	a.t.Helper()
	a.made++
	template := &x509.Certificate{
		SerialNumber: big.NewInt(a.made + 1), Subject: pkix.Name{Organization: []string{"the test"}},
		NotBefore: a.cert.NotBefore, NotAfter: a.cert.NotAfter,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	if use == Server || use == ExpiredServer {
		// etcd asks itself with its own.
		template.ExtKeyUsage = append(template.ExtKeyUsage, x509.ExtKeyUsageServerAuth)
	}
	if use == ExpiredServer || use == ExpiredClient {
		template.NotAfter = time.Now().AddDate(0, 0, -1)
	}
	for _, host := range hosts {
		template.IPAddresses = append(template.IPAddresses, net.ParseIP(host))
	}
	key := a.newKey()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		a.t.Fatal(err)
	}
	name := template.SerialNumber.String()
	return Pair{
		Cert: a.write(name+".pem", "CERTIFICATE", a.sign(template, &key.PublicKey)),
		Key:  a.write(name+".key", "PRIVATE KEY", der),
	}
}

func (a *Authority) newKey() *ecdsa.PrivateKey {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	return key
}

func (a *Authority) sign(template *x509.Certificate, public *ecdsa.PublicKey) []byte {
	a.t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, public, a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	return der
}

func (a *Authority) write(name, kind string, der []byte) (path string) {
	a.t.Helper()
	path = filepath.Join(a.dir, name)
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		a.t.Fatal(err)
	}
	return path
}

// config is the TLS of a client that trusts the authority.
func (a *Authority) config(own Pair) *tls.Config {
	a.t.Helper()
	pair, err := tls.LoadX509KeyPair(own.Cert, own.Key)
	if err != nil {
		a.t.Fatal(err)
	}
	trusted := x509.NewCertPool()
	content, err := os.ReadFile(a.File)
	if err != nil || !trusted.AppendCertsFromPEM(content) {
		a.t.Fatalf("the authority's certificate cannot be read: %v", err)
	}
	return &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: trusted, Certificates: []tls.Certificate{pair}}
}
