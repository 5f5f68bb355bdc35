package e2e

import (
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sesame-gateway/sesame/authcore/store/etcdstore/etcdtest"
)

// TestBackupOfEtcd makes a backup of a store in etcd while people work, restores it
// into a directory, and opens that: everybody is there, and no used code revives.
// What exchanges directories does nothing to etcd, and says what to do.
func TestBackupOfEtcd(t *testing.T) {
	c := etcdtest.Start(t, 1)
	p := &pair{t: t}
	p.a = p.start(0, "127.0.0.1", etcdAt(c.URLs()), nil)
	h := p.people(1)[0]
	h.arrived(h.open(p.a.notes("/")), p.a.notes("/"))
	l := newLoad(t)
	l.works(h.browser, p.a)
	backup, dir := filepath.Join(p.a.dir, "night.backup"), filepath.Join(p.a.dir, "restored")
	out := p.a.sesame("backup", backup)
	close(l.done)
	l.Wait()
	if !contains(out, "1 person") || l.lost.Load() > 0 || l.served.Load() == 0 {
		t.Errorf("a backup under load: %s\n%s", l, out)
	}

	secret := filepath.Join(p.a.dir, "secret")
	for _, args := range [][]string{{"restore", backup}, {"store", "accept"}} {
		out, err := p.a.command(append(append([]string{"sesame"}, args...), "--config", p.a.config)...)
		if err == nil || !contains(out, "the configuration has its store in etcd") || !contains(out, "sesame copy") {
			t.Errorf("sesame %s on etcd: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
	if got := p.a.asked(http.MethodGet, "/sesame/users/"+h.id, ""); got != http.StatusOK {
		t.Errorf("after what was refused, a person is answered %d", got)
	}

	if out, err := p.a.command("sesame", "restore", backup, "--store", dir, "--secret-file", secret); err != nil {
		t.Fatalf("restoring into a directory: %v\n%s", err, out)
	}
	restored := newServerWith(t, func(s *server) string {
		p.a.copySecret(s)
		return strings.Replace(s.caddyfile(), s.dir+"/store", dir, 1)
	})
	if out := restored.sesame("user", "show", h.id); !contains(out, h.id) {
		t.Errorf("the restored store does not have the person:\n%s", out)
	}
	restored.keys = p.a.keys
	again := restored.holder(t, h.id)
	again.refused("a code that was used before the backup", pin+h.same())
	restored.sesame("audit", "verify")
}

// TestOtherWayToEtcd reloads with another way to the same place in etcd: it is
// refused, and the configuration of before goes on.
func TestOtherWayToEtcd(t *testing.T) {
	c := etcdtest.Start(t, 1)
	p := &pair{t: t}
	p.a = p.start(0, "127.0.0.1", etcdAt(c.URLs())+" {\n\tbehind 2s\n}", nil)
	h := p.people(1)[0]
	good := strings.Replace(p.a.caddyfile(), "badger "+p.a.dir+"/store", etcdAt(c.URLs())+" {\n\tbehind %s\n}", 1)
	p.a.write(p.a.config, strings.Replace(good, "%s", "3s", 1))
	if err := p.a.reload(); err == nil || !contains(err.Error(), "already open with another ca, cert, key, username, password_file or behind") {
		t.Errorf("a reload with another bound: %v", err)
	}
	if err := h.known(p.a); err != nil {
		t.Errorf("after a reload that was refused: %v", err)
	}
	p.a.write(p.a.config, strings.Replace(good, "%s", "2s", 1))
	if err := p.a.reload(); err != nil {
		t.Errorf("a reload with the same: %v", err)
	}
	if err := h.known(p.a); err != nil {
		t.Errorf("after a reload: %v", err)
	}
}
