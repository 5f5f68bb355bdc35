package e2e

import (
	"bytes"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// TestAssistanceInChromium: somebody is refused, follows the refusal to the
// assistance, and sends a request with a screenshot from a real browser; the command
// line then has all of it.
func TestAssistanceInChromium(t *testing.T) {
	s := newServerWith(t, (*server).caddyfile)
	s.person("edupont", "--group", "enseignants")
	s.holder(t, "edupont")
	c := newChromium(t)
	c.open(s.notes("/"))
	c.fill("identifier", "edupont", "passcode", "000000")
	c.says("Identifiant ou PASSCODE incorrect")
	reference := eval[string](c, `document.querySelector(".reference-code").innerText`)
	eval[any](c, `document.querySelector(".reference a").click(); null`)
	c.says("Écrire à l’assistance")
	if got := eval[string](c, `document.querySelector("#reference").value + " " + document.querySelector("#application").value`); got != reference+" Carnet de notes" {
		t.Errorf("the form knows %q, not the refusal %s", got, reference)
	}
	file := s.picture(120, 80)
	send := func(path string) {
		t.Helper()
		c.must(chromedp.Do(c.ctx, chromedp.SetUploadFiles(chromedp.CSS("#screenshot"), []string{path})))
		eval[any](c, `(() => {
			const typed = { surname: "Dupont", given_name: "Ève", phone: "02 40 00 00 00", subject: "Refusé \u202e<b>", description: "« Incorrect »\nدpuis 8 h 🔑" };
			for (const [name, text] of Object.entries(typed)) document.getElementById(name).value = text;
			document.querySelector(".ask form").requestSubmit();
		})(); null`)
	}
	config := filepath.Join(s.dir, "secret.zip")
	if err := os.WriteFile(config, []byte("PK\x03\x04"), 0o600); err != nil {
		t.Fatal(err)
	}
	send(config)
	c.says("n’est pas une image PNG ou JPEG")
	if got := eval[string](c, `document.activeElement.id + " " + document.querySelector("#description").value`); got != "notice « Incorrect »\nدpuis 8 h 🔑" {
		t.Errorf("after the refusal of the file: %q", got)
	}
	send(file)
	c.says("Votre demande est enregistrée")
	request := eval[string](c, `document.querySelector(".reference-code").innerText`)
	if got := s.sesame("assistance", "show", request); !strings.Contains(got, reference) || !strings.Contains(got, "nobody: nothing below is verified") || !strings.Contains(got, "screenshots: 1") || !strings.Contains(got, "دpuis 8 h") {
		t.Errorf("the request is %s", got)
	}
	s.sesame("assistance", "export", request, s.dir)
	kept, err := os.ReadFile(filepath.Join(s.dir, request+"-1.png"))
	if err != nil {
		t.Fatal(err)
	}
	if config, err := png.DecodeConfig(bytes.NewReader(kept)); err != nil || config.Width != 120 || config.Height != 80 {
		t.Errorf("the screenshot is %v, %v", config, err)
	}
	if got := s.sesame("audit", "--reference", request); !strings.Contains(got, "request-sent") {
		t.Errorf("the audit trail has %s", got)
	}
}

// picture writes a PNG of that size, and returns where.
func (s *server) picture(width, height int) (file string) {
	s.t.Helper()
	var picture bytes.Buffer
	if err := png.Encode(&picture, image.NewRGBA(image.Rect(0, 0, width, height))); err != nil {
		s.t.Fatal(err)
	}
	file = filepath.Join(s.dir, "écran.png")
	if err := os.WriteFile(file, picture.Bytes(), 0o600); err != nil {
		s.t.Fatal(err)
	}
	return file
}
