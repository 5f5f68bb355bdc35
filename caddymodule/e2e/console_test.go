package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// helped is a holder in trouble and the referent of their establishment, each in a
// browser of their own, over a clock that the test moves.
type helped struct {
	t                *testing.T
	s                *server
	move             func(time.Duration)
	ahead            time.Duration
	holder, referent *chromium
}

// code lets a minute pass and reads what somebody's key shows then.
func (h *helped) code(id string) string {
	h.t.Helper()
	h.ahead += time.Minute
	h.move(h.ahead)
	g := h.s.keys[id]
	return g.Code(g.StepAt(timeNow().Add(h.ahead)))
}

// types logs somebody in as far as the first page goes, in a browser without cookies.
func (h *helped) types(c *chromium, id, passcode string) {
	h.t.Helper()
	c.forget()
	c.open(h.s.portal("/.sesame/login"))
	c.fill("identifier", id, "passcode", passcode)
}

// arrives waits for the portal, past the next code where it is asked for.
func (h *helped) arrives(c *chromium, id string) {
	h.t.Helper()
	c.until(`document.readyState === "complete" && (location.pathname === "/" || location.pathname === "/.sesame/next-code")`)
	if eval[string](c, "location.pathname") == "/.sesame/next-code" {
		c.fill("code", h.code(id))
	}
	c.until(`document.readyState === "complete" && location.pathname === "/"`)
}

// definesPIN goes on from the first page to the portal.
func (h *helped) definesPIN(id string) {
	h.t.Helper()
	h.holder.until(`location.pathname === "/.sesame/pin"`)
	h.holder.fill("pin", pin, "pin_again", pin)
	h.holder.until(`location.pathname === "/.sesame/synchronise"`)
	h.holder.fill("passcode", pin+h.code(id))
	h.arrives(h.holder, id)
}

// enrols has somebody define their PIN.
func (h *helped) enrols(id string) {
	h.t.Helper()
	h.types(h.holder, id, h.code(id))
	h.definesPIN(id)
}

// refused is the reference that the holder reads out.
func (h *helped) refused() string {
	h.t.Helper()
	h.holder.until(`document.readyState === "complete" && document.querySelector(".reference .reference-code")?.innerText`)
	return eval[string](h.holder, `document.querySelector(".reference .reference-code").innerText`)
}

// calls has the referent log in, look the reference up, and open the person's page.
func (h *helped) calls(reference, name, story string) {
	h.t.Helper()
	c := h.referent
	h.types(c, "creferent", pin+h.code("creferent"))
	h.arrives(c, "creferent")
	c.follow("Console du référent")
	if reference != "" {
		c.follow("L’histoire d’une référence")
		c.fill("incident", strings.ToLower(strings.ReplaceAll(reference, "-", " ")))
		c.says(story)
		c.follow(name)
		return
	}
	c.fill("q", name)
	c.follow("Ouvrir")
}

// follow follows the link whose words begin so.
func (c *chromium) follow(words string) {
	c.t.Helper()
	find := fmt.Sprintf(`[...document.querySelectorAll("main a")].find((a) => a.innerText.replaceAll(/\s+/g, " ").includes(%q))`, words)
	c.until(`document.readyState === "complete" && ` + find)
	before := eval[string](c, "location.href")
	eval[any](c, find+".click(); null")
	c.until(fmt.Sprintf(`document.readyState === "complete" && location.href !== %q`, before))
}

// does confirms an act on its page.
func (h *helped) does(act string, fields ...string) {
	h.t.Helper()
	h.referent.follow(act)
	if len(fields) > 0 {
		h.referent.fill(fields...)
		return
	}
	h.referent.press(act)
	h.referent.says("C’est fait")
}

// TestTheFiveCalls goes through the calls that a referent gets most: from the
// holder's refused login, over the reference that they read out, to the repair and
// the login that works.
func TestTheFiveCalls(t *testing.T) {
	application := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "dans l’application") })
	s, _, move := newMovedServerBefore(t, application, "delegable\n\t\t\t")
	const uai = "0441550W"
	for _, id := range []string{"creferent", "jneuf", "joubli", "jperdu", "jbloque"} {
		s.person(id, "--group", "enseignants", "--establishment", uai)
	}
	s.person("jsansrien", "--establishment", uai)
	s.sesame("role", "add", "creferent", "referent", "--establishment", uai)
	h := &helped{t: t, s: s, move: move, holder: newChromium(t), referent: newChromium(t)}
	for _, id := range []string{"creferent", "joubli", "jperdu", "jbloque", "jsansrien"} {
		h.enrols(id)
	}

	t.Run("a key without a PIN", func(t *testing.T) {
		h.types(h.holder, "jneuf", h.code("jneuf")+"4821") // in the wrong order, and there is no PIN yet
		reference := h.refused()
		h.calls(reference, "jneuf", "Refus : aucun code de ses clés")
		h.referent.says("code PIN jamais défini : à la première connexion, taper les 6 chiffres seuls")
		h.types(h.holder, "jneuf", h.code("jneuf"))
		h.definesPIN("jneuf")
	})

	t.Run("a forgotten PIN", func(t *testing.T) {
		h.types(h.holder, "joubli", "0000"+h.code("joubli"))
		h.calls(h.refused(), "joubli", "Refus : bon code, code PIN faux")
		h.does("Effacer le code PIN")
		h.referent.says("code PIN effacé")
		h.types(h.holder, "joubli", h.code("joubli"))
		h.definesPIN("joubli")
	})

	t.Run("a lost key", func(t *testing.T) {
		h.types(h.holder, "jperdu", pin+"000000")
		h.calls(h.refused(), "jperdu", "Refus : aucun code de ses clés")
		h.does("Déclarer perdue, avec des codes de secours", "reason", "oubliée dans un train", "days", "3")
		h.referent.says("Ils ne seront plus montrés")
		emergency := eval[string](h.referent, `document.querySelector("ol .reference-code").innerText`)
		h.referent.follow("C’est noté")
		h.referent.says("900004 déclarée perdue")
		if eval[bool](h.referent, fmt.Sprintf("document.body.innerText.includes(%q)", emergency)) {
			t.Error("a code is shown again")
		}
		h.types(h.holder, "jperdu", pin+emergency)
		h.arrives(h.holder, "jperdu")
	})

	t.Run("a locked key", func(t *testing.T) {
		for range 5 {
			h.types(h.holder, "jbloque", "0000"+h.code("jbloque"))
			h.refused()
		}
		h.types(h.holder, "jbloque", pin+h.code("jbloque"))
		h.calls(h.refused(), "jbloque", "Refus : clé bloquée, perdue ou périmée")
		h.does("Débloquer la clé")
		h.types(h.holder, "jbloque", pin+h.code("jbloque"))
		h.arrives(h.holder, "jbloque")
	})

	t.Run("an empty portal", func(t *testing.T) {
		h.types(h.holder, "jsansrien", pin+h.code("jsansrien"))
		h.arrives(h.holder, "jsansrien")
		h.holder.says("Référent numérique de l’établissement " + uai)
		h.holder.says("creferent@ac-exemple.fr")
		h.holder.open(s.notes("/"))
		h.refused()
		h.holder.says("creferent@ac-exemple.fr")
		h.calls("", "jsansrien", "")
		h.referent.says("c’est une question de droits, pas de clé")
		h.referent.follow("Ouvrir une application pour un temps")
		h.referent.follow("Carnet de notes")
		h.referent.fill("reason", "remplacement", "until", timeNow().Add(h.ahead).AddDate(0, 0, 7).Format(time.DateOnly))
		h.referent.says("C’est fait")
		h.types(h.holder, "jsansrien", pin+h.code("jsansrien"))
		h.arrives(h.holder, "jsansrien")
		h.holder.open(s.notes("/"))
		h.holder.says("dans l’application")
	})

	t.Run("a request for assistance", func(t *testing.T) {
		h.holder.open(s.portal("/.sesame/assistance"))
		h.holder.must(chromedp.Do(h.holder.ctx, chromedp.SetUploadFiles(chromedp.CSS("#screenshot"), []string{s.picture(120, 80)})))
		eval[any](h.holder, `(() => {
			document.getElementById("subject").value = "Refusé \u202e<b>";
			document.getElementById("description").value = "« Incorrect »\nدpuis 8 h 🔑";
			document.querySelector(".ask form").requestSubmit();
		})(); null`)
		h.holder.says("Votre demande est enregistrée")
		h.referent.open(s.portal("/.sesame/referent"))
		h.referent.follow("Demandes d’assistance")
		h.referent.follow("Lire la demande")
		h.referent.says("« Incorrect » دpuis 8 h 🔑")
		h.referent.until(`[...document.querySelectorAll(".pictures img")].map((i) => i.naturalWidth + "x" + i.naturalHeight).join() === "120x80"`)
		h.referent.follow("Ouvrir la fiche de cette personne")
		h.referent.says("jsansrien · " + uai)
	})

	trail := s.sesame("audit", "--json")
	for _, want := range []string{"pin-cleared", "key-lost", "emergency-given", "oubliée dans un train", "key-unlocked", "delegation-given"} {
		if !strings.Contains(trail, want) {
			t.Errorf("the audit trail does not say %q", want)
		}
	}
	if n := strings.Count(trail, `"creferent (console)"`); n != 5 {
		t.Errorf("%d entries are the referent's, want 5", n)
	}
}
