package caddymodule

import (
	"net/http"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/google/go-cmp/cmp"

	"github.com/sesame-gateway/sesame/authcore"
	"github.com/sesame-gateway/sesame/authcore/fredu"
)

var eve = authcore.Account{
	Identifier: "edupont", GivenName: "Ève", Surname: "Dupont", Email: "eve@ac-exemple.fr",
	Groups: []string{"enseignants", "3eB"}, Functions: []string{"DIR", "ADJ"}, Establishment: "0441550W",
}

// headOf is eve with all that can be said of her.
func headOf(t testing.TB) authcore.Account {
	t.Helper()
	a := eve
	var err error
	a.Attributes, err = a.Attributes.Apply(fredu.Change{
		fredu.Rne: {"0693045K$UAJ$PU$ADM$0693045K$T3$LP$320", "0291101P$UAJ$PU$ENS$0291101P$T3$CLG$340"}, fredu.RneResp: {"X"},
		fredu.ResDel: {"notes||01/09/2026|31/08/2027|cdurand|||x|"}, fredu.GestResp: {"01/09/2026$31/08/2027$805$NOTES"},
		fredu.FonctAdm: {"DIR"}, fredu.Academy: {"017"}, fredu.Title: {"Proviseure"}, fredu.Grade: {"PERDIR"}, fredu.Discipline: {"L1500"},
		fredu.FonctM: {"D0010"}, fredu.TypEnsi: {"P"}, fredu.EmployeeNumber: {"14E9912345ABC"}, fredu.BirthDate: {"01/01/1980"},
		fredu.Civility: {"Mme"}, fredu.CivilityCode: {"2"},
	})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// wireSize is what headers take in a request.
func wireSize(t *testing.T, h http.Header) int {
	t.Helper()
	var b strings.Builder
	if err := h.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.Len()
}

func TestHeaderPlan(t *testing.T) {
	tests := []struct {
		name    string
		preset  string
		more    []Header
		account authcore.Account
		want    http.Header
	}{
		{"remote-user", presetRemoteUser, nil, eve, http.Header{
			"Remote-User": {"edupont"}, "Remote-Name": {"Ève Dupont"}, "Remote-Email": {"eve@ac-exemple.fr"}, "Remote-Groups": {"enseignants,3eB"},
		}},
		{"x-forwarded", presetXForwarded, nil, eve, http.Header{
			"X-Forwarded-User": {"edupont"}, "X-Forwarded-Preferred-Username": {"edupont"},
			"X-Forwarded-Email": {"eve@ac-exemple.fr"}, "X-Forwarded-Groups": {"enseignants,3eB"},
		}},
		{"cleartrust", presetClearTrust, nil, headOf(t), http.Header{
			"Ct-Remote-User": {"edupont"}, "Ctln": {"Dupont"}, "Ctfn": {"Ève"}, "Cn": {"Ève Dupont"}, "Ctemail": {"eve@ac-exemple.fr"},
			"Ctgrps": {"enseignants,3eB"}, "Rne": {"0441550W"}, "Codaca": {"017"}, "Fredufonctadm": {"DIR"},
			"Fredurne":     {"0693045K$UAJ$PU$ADM$0693045K$T3$LP$320,0291101P$UAJ$PU$ENS$0291101P$T3$CLG$340"},
			"Fredurneresp": {"X"}, "Freduresdel": {"notes||01/09/2026|31/08/2027|cdurand|||x|"}, "Fredugestresp": {"01/09/2026$31/08/2027$805$NOTES"},
			"Freduurlretour": {"https://portail.example.org/"},
		}},
		{"cleartrust, little known", presetClearTrust, nil, authcore.Account{Identifier: "x1", Functions: []string{"DIR"}}, http.Header{
			"Ct-Remote-User": {"x1"}, "Cn": {"x1"}, "Fredufonctadm": {"DIR"}, "Freduurlretour": {"https://portail.example.org/"},
		}},
		{"cleartrust, two functions", presetClearTrust, nil, authcore.Account{Identifier: "x1", Functions: []string{"DIR", "ADJ"}}, http.Header{
			"Ct-Remote-User": {"x1"}, "Cn": {"x1"}, "Freduurlretour": {"https://portail.example.org/"},
		}},
		{"staff data where they are named", "", []Header{
			{"title", "{http.auth.user.title}"}, {"grade", "{http.auth.user.grade}"}, {"employeeNumber", "{http.auth.user.employee_number}"},
			{"datenaissance", "{http.auth.user.datenaissance}"}, {"civilite", "{http.auth.user.civilite}"}, {"codecivilite", "{http.auth.user.codecivilite}"},
			{"discipline", "{http.auth.user.discipline}"}, {"fonctm", "{http.auth.user.fonctm}"}, {"typensi", "{http.auth.user.typensi}"},
		}, headOf(t), http.Header{
			"Title": {"Proviseure"}, "Grade": {"PERDIR"}, "Employeenumber": {"14E9912345ABC"}, "Datenaissance": {"01/01/1980"}, "Civilite": {"Mme"},
			"Codecivilite": {"2"}, "Discipline": {"L1500"}, "Fonctm": {"D0010"}, "Typensi": {"P"},
		}},
		{"what is unknown is absent", presetRemoteUser, nil, authcore.Account{Identifier: "x1"}, http.Header{
			"Remote-User": {"x1"}, "Remote-Name": {"x1"},
		}},
		{"lines", "", []Header{
			{"x-eleve-id", "{http.auth.user.id}"}, {"X-Both", "{http.auth.user.given_name} {http.auth.user.surname}"},
			{"X-School", "{http.auth.user.establishment}"}, {"X-Functions", "{http.auth.user.functions}"}, {"X-Fixed", "yes"}, {"X-None", "{http.auth.user.colour}"},
		}, eve, http.Header{
			"X-Eleve-Id": {"edupont"}, "X-Both": {"Ève Dupont"}, "X-School": {"0441550W"}, "X-Functions": {"DIR,ADJ"}, "X-Fixed": {"yes"},
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h, repl := make(http.Header), caddy.NewReplacer()
			v := visitor{&tt.account, "https://portail.example.org/", "otp"}
			announce(repl, v.say)
			size, err := newHeaderPlan(tt.preset, tt.more).of(v).set(h, repl)
			if err != nil {
				t.Fatal(err)
			}
			if want := wireSize(t, h); size != want {
				t.Errorf("the headers are %d bytes, and counted as %d", want, size)
			}
			if diff := cmp.Diff(tt.want, h); diff != "" {
				t.Errorf("headers differ (-want +got):\n%s", diff)
			}
		})
	}
}

// What cannot stand in one line is not cut or replaced: the request is refused,
// no header at all is set, and the error does not repeat the value.
func TestHeaderPlanRefuses(t *testing.T) {
	for name, change := range map[string]func(*authcore.Account){
		"line break":        func(a *authcore.Account) { a.Surname = "x\r\nRemote-Groups: admins" },
		"LF":                func(a *authcore.Account) { a.GivenName = "x\ny" },
		"NUL":               func(a *authcore.Account) { a.Email = "x\x00y" },
		"tab":               func(a *authcore.Account) { a.Email = "x\ty" },
		"DEL":               func(a *authcore.Account) { a.Email = "x\x7f" },
		"C1":                func(a *authcore.Account) { a.Email = "x\u0085y" },
		"not UTF-8":         func(a *authcore.Account) { a.Email = "x\xffy" },
		"comma in a group":  func(a *authcore.Account) { a.Groups = []string{"a", "b,admins"} },
		"line in a group":   func(a *authcore.Account) { a.Groups = []string{"a\nb"} },
		"line in the ident": func(a *authcore.Account) { a.Identifier = "a\nb" },
	} {
		t.Run(name, func(t *testing.T) {
			a := eve
			change(&a)
			h, repl := http.Header{"X": {"y"}}, caddy.NewReplacer()
			v := visitor{Account: &a}
			announce(repl, v.say)
			_, err := newHeaderPlan(presetRemoteUser, nil).of(v).set(h, repl)
			if err == nil {
				t.Fatal("no error")
			}
			if strings.Contains(err.Error(), "admins") {
				t.Errorf("the error shows the value: %v", err)
			}
			if diff := cmp.Diff(http.Header{"X": {"y"}}, h); diff != "" {
				t.Errorf("headers were set all the same:\n%s", diff)
			}
		})
	}
}

// A template may hold what a client sent.
func TestHeaderPlanRefusesAnInjectedTemplate(t *testing.T) {
	repl := caddy.NewReplacer()
	repl.Set("http.request.uri.query.x", "a\r\nRemote-User: admin")
	h := make(http.Header)
	if _, err := newHeaderPlan("", []Header{{"X-Q", "{http.request.uri.query.x}"}}).of(visitor{Account: &eve}).set(h, repl); err == nil || len(h) > 0 {
		t.Errorf("set: %v, %v", err, h)
	}
}

// Every attribute that is kept can be told, and staff data in no preset.
func TestEveryAttributeIsAPlaceholder(t *testing.T) {
	a := headOf(t)
	told := make(map[string]bool)
	for _, known := range attributes {
		told[known.text(visitor{Account: &a})] = true
	}
	inPreset := make(map[string]bool)
	for _, lines := range presets {
		for _, attr := range lines {
			inPreset[attributes[attr].text(visitor{Account: &a})] = true
		}
	}
	for _, attr := range fredu.Attributes() {
		value := strings.Join(a.Attributes.Values(attr), ",")
		if !told[value] {
			t.Errorf("%s is in no placeholder", attr)
		}
		if attr.Staff() == inPreset[value] {
			t.Errorf("%s is in a preset: %v", attr, inPreset[value])
		}
	}
}

func TestAnnounce(t *testing.T) {
	repl := caddy.NewReplacer()
	repl.Set("http.auth.user.id", "somebody else")
	repl.Set("http.auth.user.role", "left by another handler")
	a := headOf(t)
	a.Surname = "x\ny"
	announce(repl, visitor{&a, "https://portail.example.org/", "otp"}.say)
	for key, want := range map[string]string{
		"id": "edupont", "given_name": "Ève", "surname": "", "name": "", "email": "eve@ac-exemple.fr",
		"groups": "enseignants,3eB", "functions": "DIR,ADJ", "establishment": "0441550W", "method": "otp",
		"fredu_rne": "0693045K$UAJ$PU$ADM$0693045K$T3$LP$320,0291101P$UAJ$PU$ENS$0291101P$T3$CLG$340", "fredu_rne_resp": "X",
		"fredu_res_del": "notes||01/09/2026|31/08/2027|cdurand|||x|", "fredu_gest_resp": "01/09/2026$31/08/2027$805$NOTES", "fredu_fonct_adm": "DIR",
		"fredu_url_retour": "https://portail.example.org/", "codaca": "017", "title": "Proviseure", "grade": "PERDIR", "discipline": "L1500", "fonctm": "D0010",
		"typensi": "P", "employee_number": "14E9912345ABC", "datenaissance": "01/01/1980", "civilite": "Mme", "codecivilite": "2",
	} {
		if got, ok := repl.GetString("http.auth.user." + key); got != want || !ok {
			t.Errorf("{http.auth.user.%s} = %q, %v; want %q", key, got, ok, want)
		}
	}
	for _, key := range []string{"http.auth.user.role", "http.auth.user.", "http.auth.users.id", "http.auth.user.id.x"} {
		if got, ok := repl.GetString(key); ok {
			t.Errorf("{%s} = %q", key, got)
		}
	}
}
