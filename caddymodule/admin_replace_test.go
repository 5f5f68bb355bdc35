package caddymodule

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sesame-gateway/sesame/authcore"
)

// replaceBench has a key in service, one without a PIN, and one in stock.
func replaceBench(t *testing.T) *adminBench {
	t.Helper()
	b := newAdminBench(t)
	b.person(authcore.Account{Identifier: "jdupont"}, "0123456789")
	b.person(authcore.Account{Identifier: "cnouvel"}, "FT1")
	b.must(b.gate.ImportKey(t.Context(), castActor, authcore.NewKey{Serial: "FT2", Generator: castKey("FT2")}))
	b.firstLogin("jdupont", "0123456789", "7294")
	return b
}

func TestAdminActivate(t *testing.T) {
	b := replaceBench(t)
	var a activationCode
	b.want(b.ask(http.MethodPost, "/sesame/keys/ft1/activate", ""), http.StatusOK, &a)
	if len(a.Code) != 8 || !a.Key.Activation || a.Key.Serial != "FT1" {
		t.Fatalf("a code of %d digits for key %s", len(a.Code), a.Key.Serial)
	}
	for _, path := range []string{"/sesame/keys/FT1", "/sesame/keys", "/sesame/whois/cnouvel", "/sesame/audit"} {
		if got := b.ask(http.MethodGet, path, ""); strings.Contains(got.body.String(), a.Code) {
			t.Errorf("%s shows the activation code", path)
		}
	}
	code, err := authcore.ParseActivation(a.Code)
	b.must(err)
	pin, err := authcore.ParsePIN("5083")
	b.must(err)
	r := b.login("cnouvel", "FT1", "")
	r, err = b.gate.Answer(t.Context(), r.Challenge, authcore.NewPINAnswer{PIN: pin, Again: pin, Activation: code}, b.from())
	if err != nil || r.Challenge.Question != authcore.AskNewPasscode {
		t.Errorf("with the code: %s, %s, %v", r.Outcome, r.Problem, err)
	}
}

func TestAdminRequirePIN(t *testing.T) {
	b := replaceBench(t)
	var k authcore.KeyInfo
	b.want(b.ask(http.MethodPost, "/sesame/keys/0123456789/require-pin", ""), http.StatusOK, &k)
	if !k.ChangePIN || !k.PINDefined || k.State != authcore.Active {
		t.Errorf("%+v", k)
	}
	if a := b.ask(http.MethodPost, "/sesame/keys/ft1/require-pin", ""); a.status != http.StatusConflict || !strings.Contains(a.error(), "has no PIN") {
		t.Errorf("a key without a PIN: %d %s", a.status, a.error())
	}
}

func TestAdminReplace(t *testing.T) {
	b := replaceBench(t)
	var r replacement
	b.want(b.post("/sesame/keys/0123456789/replace", `{"by":"ft2","move_pin":true}`), http.StatusOK, &r)
	if !r.Old.Ends.Equal(b.clock.AddDate(0, 0, overlapDays)) || r.Old.ReplacedBy != "FT2" || r.Old.State != authcore.Active {
		t.Errorf("the old key: %+v", r.Old)
	}
	if r.New.Holder != "jdupont" || r.New.Replaces != "0123456789" || r.New.State != authcore.ToSynchronise || !r.New.PINDefined {
		t.Errorf("the new key: %+v", r.New)
	}
	if e := b.events(authcore.KeyReplaced); len(e) != 1 || e[0].Serial != "0123456789" || e[0].Detail != "by FT2" {
		t.Errorf("the audit trail: %+v", e)
	}
}

func TestAdminReplaceAtOnce(t *testing.T) {
	b := replaceBench(t)
	var r replacement
	b.want(b.post("/sesame/keys/0123456789/replace", `{"by":"FT2","days":0}`), http.StatusOK, &r)
	if !r.Old.Ends.Equal(b.clock) || r.New.PINDefined {
		t.Errorf("%+v", r)
	}
	if reply := b.login("jdupont", "0123456789", "7294"); reply.Outcome != authcore.Denied {
		t.Errorf("the old key: %s", reply.Outcome)
	}
}

func TestAdminReplaceRefusals(t *testing.T) {
	b := replaceBench(t)
	for _, c := range []struct {
		serial, body string
		status       int
		says         string
	}{
		{"NONE", `{"by":"FT2"}`, 404, "no such key: NONE"},
		{"0123456789", `{"by":"NONE"}`, 404, "no such key: NONE"},
		{"0123456789", `{}`, 400, "serial number: "},
		{"0123456789", `{"by":"FT2","days":91}`, 400, "up to 90 days"},
		{"0123456789", `{"by":"FT2","days":-1}`, 400, "0 to 90"},
		{"0123456789", `{"by":"FT2","days":99999999999}`, 400, "0 to 90"},
		{"0123456789", `{"by":"FT2","days":null}`, 400, "0 to 90"},
		{"0123456789", `{"by":"FT1"}`, 409, "key FT1 belongs to cnouvel already"},
		{"FT1", `{"by":"FT2","move_pin":true}`, 409, "key FT1 has no PIN to move"},
		{"FT2", `{"by":"FT1"}`, 409, "key FT2 has no holder"},
	} {
		a := b.post("/sesame/keys/"+c.serial+"/replace", c.body)
		if a.status != c.status || !strings.Contains(a.error(), c.says) {
			t.Errorf("%s with %s: %d %s", c.serial, c.body, a.status, a.error())
		}
	}
	if n := len(b.events(authcore.KeyReplaced)); n != 0 {
		t.Errorf("%d replacements are written down", n)
	}
}

// The earlier of two dates is a key's last.
func TestKeyEnd(t *testing.T) {
	soon, late := adminStart, adminStart.Add(time.Hour)
	for _, c := range []struct{ expires, ends, want time.Time }{
		{time.Time{}, time.Time{}, time.Time{}}, {soon, time.Time{}, soon}, {time.Time{}, soon, soon}, {soon, late, soon}, {late, soon, soon},
	} {
		if got := keyEnd(authcore.KeyInfo{Expires: c.expires, Ends: c.ends}); !got.Equal(c.want) {
			t.Errorf("expires %s, ends %s: %s", c.expires, c.ends, got)
		}
	}
}
