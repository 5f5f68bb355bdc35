package caddymodule

import (
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/sesame-gateway/sesame/authcore"
)

// seedForms are the ways in which a seed may be written.
func seedForms(seed []byte) []string {
	return []string{
		string(seed), hex.EncodeToString(seed), strings.ToUpper(hex.EncodeToString(seed)),
		base32.StdEncoding.EncodeToString(seed), strings.ToLower(base32.StdEncoding.EncodeToString(seed)),
		base64.StdEncoding.EncodeToString(seed), base64.URLEncoding.EncodeToString(seed),
		strings.Trim(fmt.Sprint(seed), "[]"), strings.ReplaceAll(strings.Trim(fmt.Sprint(seed), "[]"), " ", ","),
	}
}

// No route shows a seed, whatever is asked and whatever is wrong with what is
// sent.
func TestAdminShowsNoSeed(t *testing.T) {
	b := newAdminBench(t)
	seed := []byte("a seed of 20 bytes!!")
	x := hex.EncodeToString(seed)
	b32 := base32.StdEncoding.EncodeToString(seed)
	b.person(authcore.Account{Identifier: "jdupont"}, "")
	var answers []*adminAnswer
	keep := func(a *adminAnswer) { answers = append(answers, a) }
	for _, file := range []string{
		"FT1," + x + ",totp,6,60\n", "FT1," + x + ",totp,6,60\n", "FT2," + x + ",totp,6,60\n",
		x + ",FT3,totp,6,60\n", "FT4," + x + "0,totp,6,60\n", "FT5;" + x + ";" + x + "\n", "FT6,totp,6,60," + x + "\n",
		"FT7," + b32 + "\n", x, `"FT8` + x, "FT9,g" + x[1:] + "\n", "FT10," + x + "," + x + "," + x + "," + x + "," + x + "\n",
		"FT11," + x + ",totp,6,60\nFT12," + x + ",totp,6,60\n",
		"serial number,secret key\nFT13," + b32 + "\n", "otpauth://totp/x?secret=" + b32 + "&serial=FT14\n",
	} {
		for _, query := range []string{"?dry_run=true", "?encoding=base32&dry_run=true", "", "?partial=true"} {
			keep(b.upload(query, file))
		}
	}
	b.want(b.ask(http.MethodGet, "/sesame/keys/FT1", ""), http.StatusOK, nil)
	b.want(b.post("/sesame/keys/FT1/assign", `{"holder":"jdupont"}`), http.StatusOK, nil)
	for _, route := range adminRoutes {
		target := strings.NewReplacer("users/{id}", "users/jdupont", "whois/{id}", "whois/jdupont", "{serial}", "FT1").Replace(route.path)
		keep(b.ask(route.method, target, ""))
		for _, p := range route.query {
			for _, value := range []string{"", "true", "FT1", "jdupont", "active", "hex"} {
				if p == "follow" && value == "true" {
					keep(b.follow(t.Context(), "", 3))
					continue
				}
				keep(b.ask(route.method, target+"?"+p+"="+value, ""))
			}
		}
	}
	for _, a := range answers {
		for _, form := range seedForms(seed) {
			if strings.Contains(a.body.String(), form) || strings.Contains(fmt.Sprint(a.header), form) {
				t.Errorf("an answer of status %d shows the seed", a.status)
			}
		}
	}
	if len(answers) < 80 {
		t.Errorf("only %d answers were looked at", len(answers))
	}
}
