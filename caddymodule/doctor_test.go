package caddymodule

import (
	"errors"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sesame-gateway/sesame/authcore"
	"github.com/sesame-gateway/sesame/authcore/store"
)

// diagnosed asks the doctor and returns the findings by what they are of.
func (b *adminBench) diagnosed(query string) map[string]finding {
	b.t.Helper()
	var d diagnosis
	b.want(b.ask(http.MethodGet, "/sesame/doctor"+query, ""), http.StatusOK, &d)
	found := make(map[string]finding)
	states := map[string]int{}
	for _, f := range d.Findings {
		found[f.Check] = f
		states[f.State]++
		if f.Says == "" || (f.Do == "") != (f.State == findingOK) {
			b.t.Errorf("%+v: what is not well says what to do", f)
		}
	}
	if len(found) != len(checkUps) || d.Wrong != states[findingWrong] || d.Warnings != states[findingWarning] || d.Wrong+d.Warnings+states[findingOK] != len(checkUps) {
		b.t.Errorf("the counts do not fit: %+v", d)
	}
	return found
}

func (b *adminBench) found(found map[string]finding, check, state, says string) {
	b.t.Helper()
	if f := found[check]; f.State != state || !strings.Contains(f.Says, says) {
		b.t.Errorf("%s: %s: %s; want %s: …%s…", check, f.State, f.Says, state, says)
	}
}

// placed gives a bench's configuration a directory of its own, with a sound anchor
// and secret file.
func (b *adminBench) placed() place {
	b.t.Helper()
	dir := b.t.TempDir()
	p := place{dir: dir, secret: filepath.Join(dir, "secret"), anchor: anchorFile(filepath.Join(dir, "anchor"))}
	b.must(os.WriteFile(p.secret, nil, 0o600))
	b.must(os.WriteFile(string(p.anchor), nil, 0o600))
	b.app.where = p
	return p
}

func TestAdminDoctor(t *testing.T) {
	b := newAdminBench(t)
	b.placed()
	found := b.diagnosed("")
	for check, says := range map[string]string{
		"store": "answers", "disk": "MiB are free", "anchor": "every minute", "clock": "is believed", "ntp": "not compared", "secret file": "the server's alone",
		"portal": "https://portail.example.org", "applications": "2 applications, all on https", "roles": "0 operators, 0 referents",
		"pending": "nothing waits", "import": "none is under way", "alerts": "none in the last day",
	} {
		if check == "disk" && found[check].State == findingWarning {
			continue // this machine's disk is what it is
		}
		b.found(found, check, findingOK, says)
	}
	b.found(found, "mail", findingWarning, "nobody is told")
	b.found(found, "backup", findingWarning, "none was made")
	b.found(found, "admin endpoint", findingWarning, "cannot be told") // a bench has none

	b.want(b.ask(http.MethodPost, "/sesame/backup", ""), http.StatusOK, nil)
	b.found(b.diagnosed(""), "backup", findingOK, "the last one was begun")
	b.clock = b.clock.AddDate(0, 0, 3)
	b.found(b.diagnosed(""), "backup", findingWarning, "the last one was begun")
}

// TestAdminDoctorFindsFiles: what is wrong with the files beside the store.
func TestAdminDoctorFindsFiles(t *testing.T) {
	b := newAdminBench(t)
	p := b.placed()
	old := time.Now().Add(-time.Hour)
	b.must(os.Chtimes(string(p.anchor), old, old))
	b.must(os.Chmod(p.secret, 0o640))
	found := b.diagnosed("")
	b.found(found, "anchor", findingWrong, "is to be every minute")
	b.found(found, "secret file", findingWrong, "others can get at it")
	b.must(errors.Join(os.Remove(string(p.anchor)), os.Remove(p.secret)))
	b.app.where.dir = filepath.Join(p.dir, "away")
	found = b.diagnosed("")
	b.found(found, "anchor", findingWrong, "is missing")
	b.found(found, "secret file", findingWrong, "no such file")
	b.found(found, "disk", findingWrong, "no such file")
}

// TestAdminDoctorFindsActs: what waits, and what happened.
func TestAdminDoctorFindsActs(t *testing.T) {
	b := newAdminBench(t)
	b.placed()
	for _, id := range []string{"jdupont", "smartin"} {
		b.person(authcore.Account{Identifier: authcore.Identifier(id)}, "")
		b.must(b.gate.GiveRole(t.Context(), authcore.Actor{Name: "test"}, authcore.Identifier(id), authcore.Office{Role: authcore.RoleOperator}))
	}
	b.found(b.diagnosed(""), "roles", findingWarning, "2 operators, 0 referents; each operator gives roles alone")
	b.app.FourEyes = &FourEyes{Roles: true}
	b.found(b.diagnosed(""), "roles", findingOK, "2 operators")
	b.must(b.gate.EndRole(t.Context(), authcore.Actor{Name: "test"}, "smartin"))
	b.found(b.diagnosed(""), "roles", findingWarning, "cannot be done")

	was := b.clock
	b.clock = was.Add(-time.Hour)
	b.must(b.gate.KeepTime(t.Context()))
	found := b.diagnosed("")
	b.found(found, "clock", findingWarning, "clock")
	b.found(found, "alerts", findingWarning, "1 alert in the last day")
	b.app.Applications[0].Allow, b.app.sites[0].requirement.Allow = nil, nil
	b.found(b.diagnosed(""), "applications", findingWarning, "open to nobody: notes")
	b.app.sites[1].origin.scheme, b.app.portal.origin.scheme = "http", "http"
	found = b.diagnosed("")
	b.found(found, "applications", findingWarning, "this machine alone: base")
	b.found(found, "portal", findingWarning, "this machine alone")
}

// TestAdminDoctorAfterMove: what to do with a store that was moved is to go where
// it is.
func TestAdminDoctorAfterMove(t *testing.T) {
	b := newAdminBench(t)
	b.placed()
	_, err := b.gate.Copy(t.Context(), authcore.CopyOrder{To: store.NewMemory(now), Source: "here", Target: "/srv/elsewhere"}, authcore.Actor{Name: "root"})
	b.must(err)
	b.found(b.diagnosed(""), "store", findingWrong, "to /srv/elsewhere: use the configuration of there")
}

// TestAdminDoctorWithoutStore: there is an answer, and what cannot be told is
// wrong.
func TestAdminDoctorWithoutStore(t *testing.T) {
	b := newAdminBench(t)
	b.placed()
	b.must(b.store.Close())
	found := b.diagnosed("")
	b.found(found, "store", findingWrong, "does not answer as it should")
	for _, check := range []string{"clock", "roles", "pending", "alerts", "backup"} {
		b.found(found, check, findingWrong, "cannot be told")
	}
	b.found(found, "portal", findingOK, "https://portail.example.org")
}

func TestAdminDoctorComparesTheClock(t *testing.T) {
	b := newAdminBench(t)
	b.placed()
	ask := func(server string) map[string]finding { return b.diagnosed("?ntp=" + url.QueryEscape(server)) }
	b.found(ask(timeServer(t, 0, asItIs)), "ntp", findingOK, "the clock is ")
	b.found(ask(timeServer(t, time.Hour, asItIs)), "ntp", findingWrong, "good codes are refused")
	b.app.NTP = timeServer(t, -10*time.Second, asItIs)
	b.found(b.diagnosed(""), "ntp", findingWarning, "ahead of 127.0.0.1:")
	closed, err := net.ListenPacket("udp", "127.0.0.1:0")
	b.must(err)
	b.must(closed.Close())
	b.found(ask(closed.LocalAddr().String()), "ntp", findingWarning, "does not tell the time")
	if a := b.ask(http.MethodGet, "/sesame/doctor?ntp=a+b", ""); a.status != http.StatusBadRequest {
		t.Errorf("a name that is none: %d", a.status)
	}
}

func TestJudgeEndpoint(t *testing.T) {
	dir := t.TempDir()
	for name, mode := range map[string]os.FileMode{"own": 0o220, "open": 0o222} {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.WriteFile(path, nil, 0o600), os.Chmod(path, mode)); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct{ listens, state, says string }{
		{"localhost:2019", findingOK, "localhost:2019"},
		{"127.0.0.1:2019", findingOK, "127.0.0.1:2019"},
		{"[::1]:2019", findingOK, "[::1]:2019"},
		{":2019", findingWrong, "listens on :2019"},
		{"0.0.0.0:2019", findingWrong, "0.0.0.0:2019"},
		{"192.0.2.1:2019", findingWrong, "192.0.2.1:2019"},
		{"unix/" + dir + "/own|0220", findingOK, "is the socket"},
		{"unix/" + dir + "/open|0222", findingWrong, "everybody on this machine"},
		{"localhost:a-b-c", findingWarning, "cannot be read"},
	} {
		if f := judgeEndpoint(tt.listens); f.State != tt.state || !strings.Contains(f.Says, tt.says) {
			t.Errorf("%s: %+v", tt.listens, f)
		}
	}
}
