package caddymodule

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
)

// entityBomb is the "billion laughs".
func entityBomb() string {
	var b strings.Builder
	b.WriteString("<?xml version=\"1.0\"?>\n<!DOCTYPE KeyContainer [\n<!ENTITY l0 \"ha\">\n")
	for i := 1; i < 10; i++ {
		fmt.Fprintf(&b, "<!ENTITY l%d \"%s\">\n", i, strings.Repeat(fmt.Sprintf("&l%d;", i-1), 10))
	}
	b.WriteString("]>\n<KeyContainer xmlns=\"urn:ietf:params:xml:ns:keyprov:pskc\"><KeyPackage><DeviceInfo><SerialNo>&l9;</SerialNo></DeviceInfo></KeyPackage></KeyContainer>")
	return b.String()
}

// changed is a file with one thing in it replaced.
func changed(t *testing.T, file, old, with string) string {
	t.Helper()
	out := strings.Replace(file, old, with, 1)
	if out == file {
		t.Fatalf("there is no %q to change", old)
	}
	return out
}

// What was made to harm, was altered, or came in part is refused with a sentence
// that names the line, and nothing is imported.
func TestAdminImportOfBadFiles(t *testing.T) {
	pbkdf2, shared := suppliersFile(t, "pskc_pbkdf2.pskc"), suppliersFile(t, "pskc_preshared.pskc")
	figure, batch := suppliersFile(t, "rfc6030-figure5.pskc"), suppliersFile(t, "batch3.sdtid")
	const external = "<?xml version=\"1.0\"?>\n<!DOCTYPE KeyContainer [ <!ENTITY x SYSTEM \"file:///etc/passwd\"> ]>\n" +
		"<KeyContainer xmlns=\"urn:ietf:params:xml:ns:keyprov:pskc\"><KeyPackage><DeviceInfo><SerialNo>&x;</SerialNo></DeviceInfo></KeyPackage></KeyContainer>"
	for name, c := range map[string]struct {
		file string
		line int
		says string
	}{
		"an entity bomb":              {entityBomb(), 2, "document type"},
		"an external entity":          {external, 2, "document type"},
		"an undeclared entity":        {changed(t, figure, "<SerialNo>987654321", "<SerialNo>&x;"), 4, "not well-formed"},
		"10⁹ rounds of PBKDF2":        {changed(t, pbkdf2, "<IterationCount>100000<", "<IterationCount>1000000000<"), 29, "a number from 1 to 10000000"},
		"a wrong MAC":                 {changed(t, shared, "A9zlvOPG", "B9zlvOPG"), 0, "altered"},
		"a wrong MAC of the second":   {changed(t, shared, "RrVt+l4+", "SrVt+l4+"), 0, "altered"},
		"a truncated base64":          {changed(t, shared, "uMV0Y1n1QgHWuxr+hqbWGRTQgzax2M+ldxqrtCIeVqLOupyQD/2uEiDkhBgoIs2z", "uMV0Y1n1QgHWuxr+hqbWGRTQgzax2M+ldxqrtCIeVqLOupyQD/2uEiDkhBgoIs2"), 0, ""},
		"a truncated base64 unsealed": {changed(t, figure, "MTIzNDU2Nzg5MDEyMzQ1Njc4OTA=", "MTIzNDU2Nzg5MDEyMzQ1Njc4OTA"), 3, "base64"},
		"cut off":                     {shared[:len(shared)*3/4], 0, "not whole"},
		"a batch of SecurID altered":  {changed(t, batch, "<SN>130000002", "<SN>130000008"), 0, "altered"},
		"its last MAC":                {changed(t, batch, "<TokenMAC>e", "<TokenMAC>f"), 0, "altered"},
		"its header's":                {changed(t, batch, "<HeaderMAC>Z", "<HeaderMAC>Y"), 0, "altered"},
		"its policy":                  {changed(t, batch, "<DefDigits>6", "<DefDigits>8"), 0, "altered"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newAdminBench(t)
			for _, query := range []string{"", "?partial=true"} {
				a := b.form(query, formPart{passwordPart, "Motdepasse!"}, formPart{keyPart, "12345678901234567890123456789012"}, formPart{filePart, c.file})
				var r importReport
				if name == "a truncated base64 unsealed" && query != "" {
					b.want(a, http.StatusOK, &r) // one bad key does not spoil a file that no MAC holds together
				} else {
					b.want(a, http.StatusUnprocessableEntity, &r)
				}
				sentence := r.Error
				for _, p := range r.Problems {
					sentence += fmt.Sprintf(" line %d: %s", p.Line, p.Problem)
				}
				named := regexp.MustCompile(`line [1-9][0-9]*: `).FindString(sentence)
				if named == "" || c.line > 0 && named != fmt.Sprintf("line %d: ", c.line) || !strings.Contains(sentence, c.says) {
					t.Errorf("%s: %s", query, a.body.String())
				}
				b.nothingImported()
			}
		})
	}
}

// A file that ends badly behind hundreds of good keys, which were staged, leaves
// nothing.
func TestAdminImportOfAFileThatEndsBadly(t *testing.T) {
	b := newAdminBench(t)
	var file strings.Builder
	for i := range 500 {
		fmt.Fprintf(&file, "FT%d,%040x,totp,6,60\n", i, i+1)
	}
	good := file.String()
	b.want(b.upload("", good+"FT500,00\n"), http.StatusUnprocessableEntity, nil)
	b.nothingImported()
	b.want(b.ask(http.MethodPost, "/sesame/keys/import", "--x\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\n"+good, "Content-Type: multipart/form-data; boundary=x"),
		http.StatusBadRequest, nil)
	b.nothingImported()
	var r importReport
	b.want(b.upload("", good), http.StatusOK, &r)
	if r.Imported != 500 {
		t.Errorf("report: %+v", r)
	}
}
