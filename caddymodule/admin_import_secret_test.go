package caddymodule

import (
	"bytes"
	"fmt"
	"mime/multipart"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/sesame-gateway/sesame/authcore"
)

// formPart is a part of a form.
type formPart struct{ name, value string }

// form sends a form to the import.
func (b *adminBench) form(query string, parts ...formPart) *adminAnswer {
	b.t.Helper()
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	for _, p := range parts {
		b.must(w.WriteField(p.name, p.value))
	}
	b.must(w.Close())
	return b.ask(http.MethodPost, "/sesame/keys/import"+query, body.String(), "Content-Type: "+w.FormDataContentType())
}

// suppliersFile is a file of package keyfile's tests.
func suppliersFile(t testing.TB, name string) string {
	t.Helper()
	content, err := os.ReadFile("../authcore/keyfile/testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// nothingImported wants no key in the store, nor anything of an import.
func (b *adminBench) nothingImported() {
	b.t.Helper()
	if keys, err := b.gate.Keys(b.t.Context(), "", 0, func(authcore.KeyInfo) bool { return true }); err != nil || len(keys) > 0 {
		b.t.Errorf("%d keys are there (%v)", len(keys), err)
	}
	if events := b.events(authcore.KeyImported); len(events) > 0 {
		b.t.Errorf("%d keys are in the trail", len(events))
	}
	in, err := b.gate.BeginImport(b.t.Context(), castActor, false)
	if err != nil {
		b.t.Errorf("the next import does not begin: %v", err)
		return
	}
	b.must(in.Cancel(b.t.Context()))
}

// protectedFiles are files that independent tools made, with what opens them:
// stoken the .sdtid, csv2pskc the others.
var protectedFiles = []struct {
	file, part    string
	secret, wrong string
	needs         importSecret
	good          int
	says          string // of a file that is opened and refused all the same
}{
	{"pskc_pbkdf2.pskc", passwordPart, "Motdepasse!", "motdepasse!", needsPassword, 2, ""},
	{"pskc_preshared.pskc", keyPart, "12345678 90123456 78901234 56789012\n", "12345678901234567890123456789013", needsKey, 2, ""},
	{"pw1.sdtid", passwordPart, "Mot de passe lot n°1", "Mot de passe lot n°1\n", needsPassword, 1, ""},
	{"softpin_pw.sdtid", passwordPart, "MotDePasse-lot-1", "MotDePasse-lot-2", needsPassword, 0, "PIN before the code only"},
}

// A protected file is imported with what opens it. Without it the report says
// what is needed, with another secret that it is the wrong one; and no answer,
// header or audit entry shows one of them.
func TestAdminImportOfProtectedFiles(t *testing.T) {
	for _, c := range protectedFiles {
		t.Run(c.file, func(t *testing.T) {
			b := newAdminBench(t)
			file := suppliersFile(t, c.file)
			var answers []*adminAnswer
			send := func(status int, a *adminAnswer) (r importReport) {
				t.Helper()
				answers = append(answers, a)
				b.want(a, status, &r)
				return r
			}
			for _, a := range []*adminAnswer{b.upload("", file), b.form("", formPart{filePart, file}), b.upload("?partial=true&dry_run=true", file)} {
				if r := send(http.StatusUnprocessableEntity, a); r.Needs != c.needs || r.Error == "" {
					t.Errorf("without a secret: %+v", r)
				}
			}
			r := send(http.StatusUnprocessableEntity, b.form("", formPart{c.part, c.wrong}, formPart{filePart, file}))
			if r.Needs != "" || !strings.Contains(r.Error, "not the one of this file") {
				t.Errorf("with a wrong secret: %+v", r)
			}
			b.nothingImported()

			status := map[bool]int{true: http.StatusOK, false: http.StatusUnprocessableEntity}[c.good > 0]
			r = send(status, b.form("?dry_run=true", formPart{c.part, c.secret}, formPart{filePart, file}))
			if r.Good != c.good || r.Imported != 0 {
				t.Errorf("a dry run: %+v", r)
			}
			r = send(status, b.form("", formPart{c.part, c.secret}, formPart{filePart, file}))
			if r.Imported != c.good || c.good == 0 && !strings.Contains(r.Problems[0].Problem, c.says) {
				t.Errorf("with the secret: %+v", r)
			}
			for _, text := range append([]string{fmt.Sprintf("%+v", b.events())}, texts(answers)...) {
				for _, secret := range []string{c.secret, c.wrong} {
					if strings.Contains(text, strings.TrimSpace(secret)) {
						t.Errorf("the secret stands in %.200s", text)
					}
				}
			}
		})
	}
}

func texts(answers []*adminAnswer) (all []string) {
	for _, a := range answers {
		all = append(all, fmt.Sprint(a.body.String(), a.header))
	}
	return all
}

// A form that is not what it should be imports nothing, and its refusal does not
// repeat what was sent.
func TestAdminImportRefusesForms(t *testing.T) {
	file := csvLine("FT1")
	const secret = "a secret typed somewhere"
	b := newAdminBench(t)
	for name, c := range map[string]struct {
		says  string
		parts []formPart
	}{
		"no file":              {"no part file", []formPart{{passwordPart, secret}}},
		"nothing":              {"no part file", nil},
		"unknown part":         {"not known, or comes twice", []formPart{{"passwd", secret}, {filePart, file}}},
		"secret behind":        {"does not end behind its file", []formPart{{filePart, file}, {passwordPart, secret}}},
		"two files":            {"does not end behind its file", []formPart{{filePart, file}, {filePart, csvLine("FT2")}}},
		"two passwords":        {"not known, or comes twice", []formPart{{passwordPart, secret}, {passwordPart, secret}, {filePart, file}}},
		"empty password":       {"the part password is empty", []formPart{{passwordPart, ""}, {filePart, file}}},
		"long password":        {"longer than 4096 bytes", []formPart{{passwordPart, strings.Repeat(secret, 200)}, {filePart, file}}},
		"a key that is none":   {"hexadecimal", []formPart{{keyPart, secret}, {filePart, file}}},
		"a key of two bytes":   {"2 bytes", []formPart{{keyPart, "a1b2"}, {filePart, file}}},
		"a secret in the file": {"nothing was imported", []formPart{{filePart, secret}}},
	} {
		a := b.form("", c.parts...)
		if a.status < 400 || a.status > 422 || !strings.Contains(a.error(), c.says) || strings.Contains(a.body.String(), secret) || strings.Contains(a.body.String(), "a1b2") {
			t.Errorf("%s: %d %s, want …%s…", name, a.status, &a.body, c.says)
		}
		b.nothingImported()
	}
	for name, c := range map[string][2]string{
		"broken off in the file":   {"multipart/form-data; boundary=x", "--x\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\n" + file},
		"broken off in the secret": {"multipart/form-data; boundary=x", "--x\r\nContent-Disposition: form-data; name=\"password\"\r\n\r\n" + secret},
		"no boundary":              {"multipart/form-data", file},
		"another kind of form":     {"multipart/mixed; boundary=x", "--x\r\n\r\n" + file + "\r\n--x--"},
	} {
		a := b.ask(http.MethodPost, "/sesame/keys/import", c[1], "Content-Type: "+c[0])
		if a.status != http.StatusBadRequest && a.status != http.StatusUnsupportedMediaType || strings.Contains(a.body.String(), secret) {
			t.Errorf("%s: %d %s", name, a.status, &a.body)
		}
		b.nothingImported()
	}
}

// What a form does not need is no harm.
func TestAdminImportOfAFileWithoutNeed(t *testing.T) {
	b := newAdminBench(t)
	var r importReport
	b.want(b.form("", formPart{passwordPart, "not needed"}, formPart{filePart, csvLine("FT1")}), http.StatusOK, &r)
	if r.Imported != 1 {
		t.Errorf("report: %+v", r)
	}
}

// The PIN that a supplier gave a key is its activation code, and a PIN that the
// key itself asks for is not ours. The report says so and shows neither.
func TestAdminImportOfInitialPINs(t *testing.T) {
	local := suppliersFile(t, "rfc6030-figure5.pskc")
	ours := strings.Replace(local, `PINUsageMode="Local"`, `PINUsageMode="Prepend"`, 1)
	for name, c := range map[string]struct {
		file, note string
		activation bool
	}{
		"of the key itself": {local, "it is not used", false},
		"of the gate":       {ours, "it is the activation code", true},
		"no digits":         {strings.Replace(ours, "MTIzNA==", "YWJjZA==", 1), "", false},
	} {
		b := newAdminBench(t)
		a := b.upload("", c.file)
		var r importReport
		if c.note == "" { // package keyfile refuses it before
			b.want(a, http.StatusUnprocessableEntity, nil)
			continue
		}
		b.want(a, http.StatusOK, &r)
		if len(r.Notes) != 1 || !strings.Contains(r.Notes[0], c.note) || strings.Contains(a.body.String(), `"1234"`) || strings.Contains(r.Notes[0], "1234") {
			t.Errorf("%s: %+v", name, r)
		}
		var k authcore.KeyInfo
		b.want(b.ask(http.MethodGet, "/sesame/keys/987654321", ""), http.StatusOK, &k)
		if k.Activation != c.activation {
			t.Errorf("%s: a first PIN needs a code: %v", name, k.Activation)
		}
	}
}

// An otpauth URI has no serial number: the parameter gives one to its key, and
// to no second.
func TestAdminImportOfOTPAuth(t *testing.T) {
	const uri = "otpauth://totp/Rectorat:jeanne.dupont@ac-example.fr?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ\n"
	const other = "otpauth://totp/m.martin@ac-example.fr?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJR\n"
	b := newAdminBench(t)
	var r importReport
	b.want(b.upload("", uri), http.StatusUnprocessableEntity, &r)
	if len(r.Problems) != 1 || !strings.Contains(r.Problems[0].Problem, "names an account and no serial number") {
		t.Errorf("without a serial number: %+v", r)
	}
	b.want(b.upload("?serial=app-7", uri+other), http.StatusUnprocessableEntity, &r)
	if r.Good != 1 || len(r.Problems) != 1 || !strings.Contains(r.Problems[0].Problem, "twice") {
		t.Errorf("two keys with one: %+v", r)
	}
	b.want(b.upload("?serial=a%20b", uri), http.StatusBadRequest, nil)
	b.nothingImported()
	b.want(b.upload("?serial=app-7", uri), http.StatusOK, nil)
	b.want(b.ask(http.MethodGet, "/sesame/keys/APP-7", ""), http.StatusOK, nil)
	// Who has a serial number of their own keep it.
	b.want(b.upload("?serial=APP-8", strings.TrimSpace(other)+"&serial=OATH0001\n"), http.StatusOK, nil)
	b.want(b.ask(http.MethodGet, "/sesame/keys/OATH0001", ""), http.StatusOK, nil)
}
