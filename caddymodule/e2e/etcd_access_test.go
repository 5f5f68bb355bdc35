package e2e

import (
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/sesame-gateway/sesame/authcore/store/etcdstore/etcdtest"
)

// guarded is a cluster behind TLS that asks who is there, and what a gate must have.
type guarded struct {
	*etcdtest.Cluster
	trust        *etcdtest.Authority
	own          etcdtest.Pair
	passwordFile string
}

const (
	etcdPrefix   = "academie/"
	etcdPassword = "rouge-gorge-7291"
)

func newGuarded(t *testing.T) *guarded {
	t.Helper()
	g := &guarded{trust: etcdtest.NewAuthority(t), passwordFile: filepath.Join(t.TempDir(), "password")}
	g.Cluster = etcdtest.StartSecure(t, 1, g.trust, "127.0.0.1")
	g.Guard("sesame", etcdPassword, etcdPrefix)
	g.own = g.trust.Issue(etcdtest.Client)
	return g
}

// line is the store's in the configuration, with all of it.
func (g *guarded) line() string {
	return etcdAt(g.URLs()) + fmt.Sprintf(` {
		ca            %s
		cert          %s
		key           %s
		username      sesame
		password_file %s
		prefix        %s
	}`, g.trust.File, g.own.Cert, g.own.Key, g.passwordFile, etcdPrefix)
}

// TestGuardedEtcd has two gates on an etcd that wants certificates, a user and a
// password: they serve, write below their prefix only, and whatever of it is wrong
// is told in a sentence, without the password.
func TestGuardedEtcd(t *testing.T) {
	g := newGuarded(t)
	p := &pair{t: t}
	write := func(s *server, config string) string {
		s.write(g.passwordFile, etcdPassword+"\n")
		return config
	}
	p.a = p.start(0, "127.0.0.1", g.line(), write)
	p.b = p.start(1, "127.0.0.2", g.line(), write)
	h := p.people(1)[0]
	if err := h.known(p.b); err != nil {
		t.Fatal(err)
	}
	if gone := h.logout(p.a); gone.passes(p.b) >= patience {
		t.Error("a session that was ended on one gate passes on the other")
	}
	all, err := g.Root().Get(t.Context(), "", clientv3.WithPrefix(), clientv3.WithKeysOnly())
	if err != nil || len(all.Kvs) == 0 {
		t.Fatalf("what is in etcd: %d keys, %v", len(all.Kvs), err)
	}
	for _, kv := range all.Kvs {
		if !strings.HasPrefix(string(kv.Key), etcdPrefix) {
			t.Errorf("a key was written outside of the prefix: %q", kv.Key)
		}
	}
	p.b.stop()
	for name, tt := range g.mistakes(t, p.b) {
		p.b.write(p.b.config, strings.Replace(p.b.caddyfile(), "badger "+p.b.dir+"/store", tt.line, 1))
		said, served := p.b.trial()
		if served {
			p.b.kill()
		}
		if served || !contains(said, tt.says) {
			t.Errorf("%s: it is served: %t; the log does not say %q:\n%.3000s", name, served, tt.says, said)
		}
		if contains(said, etcdPassword) {
			t.Errorf("%s: the log has the password", name)
		}
	}
}

// mistake is a line of the store with something wrong, and what is said of it.
type mistake struct{ line, says string }

func (g *guarded) mistakes(t *testing.T, s *server) map[string]mistake {
	t.Helper()
	wrong := filepath.Join(s.dir, "wrong-password")
	s.write(wrong, etcdPassword+"x\n")
	stranger, late := etcdtest.NewAuthority(t), g.trust.Issue(etcdtest.ExpiredClient)
	instead := func(pairs ...string) string { return strings.NewReplacer(pairs...).Replace(g.line()) }
	own := fmt.Sprintf("cert          %s\n\t\tkey           %s\n", g.own.Cert, g.own.Key)
	user := fmt.Sprintf("username      sesame\n\t\tpassword_file %s\n", g.passwordFile)
	return map[string]mistake{
		"a wrong password":         {instead(g.passwordFile, wrong), "invalid user ID or password"},
		"no user":                  {instead(user, "\n"), "permission denied"},
		"another prefix":           {instead("prefix        "+etcdPrefix, "prefix lycee/"), "permission denied"},
		"another authority":        {instead(g.trust.File, stranger.File), "certificate signed by unknown authority"},
		"no certificate":           {instead(own, "\n"), "certificate required"},
		"an expired certificate":   {instead(g.own.Cert, late.Cert, g.own.Key, late.Key), "expired certificate"},
		"a member with an expired": {instead(g.URLs()[0], expiredMember(t, g.trust)), "certificate has expired"},
		"no TLS to one that wants": {etcdAt([]string{"http://" + strings.TrimPrefix(g.URLs()[0], "https://")}), "perhaps its address must begin with https://"},
		"TLS to one that has none": {instead(g.URLs()[0], "https://"+strings.TrimPrefix(etcdtest.Start(t, 1).URLs()[0], "http://")), "perhaps it has none, and its address must begin with http://"},
	}
}

// expiredMember is a place that shows a certificate of yesterday.
func expiredMember(t *testing.T, trust *etcdtest.Authority) (url string) {
	t.Helper()
	late := trust.Issue(etcdtest.ExpiredServer, "127.0.0.1")
	pair, err := tls.LoadX509KeyPair(late.Cert, late.Key)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(nil)
	server.EnableHTTP2 = true
	server.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	return server.URL
}
