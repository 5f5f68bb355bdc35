package demo

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/sesame-gateway/sesame/authcore"
)

// shown is a software key as its page and its terminal line show it.
type shown struct {
	Identifier authcore.Identifier `json:"identifier"`
	Name       string              `json:"name"`
	Serial     authcore.Serial     `json:"serial"`
	PIN        string              `json:"-"`
	French     string              `json:"-"`
	English    string              `json:"-"`
	Code       string              `json:"code"`
	Left       int                 `json:"left"` // seconds
}

// show reads every key's display.
func show(keys []softKey, now time.Time) []shown {
	all := make([]shown, 0, len(keys))
	for _, k := range keys {
		code, left := k.shows(now)
		s := shown{Identifier: k.Holder, Serial: k.Serial, Code: code, Left: int(left/time.Second) + 1}
		for _, r := range cast {
			if r.account.Identifier == k.Holder {
				s.Name, s.PIN, s.French, s.English = r.account.Name(), r.pin, r.french, r.english
			}
		}
		all = append(all, s)
	}
	return all
}

// keyring serves the page of software keys, and their displays as JSON for its
// script.
func keyring(keys []softKey, portal string, now func() time.Time) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		page := struct {
			Portal  string
			Keys    []shown
			Refresh int
		}{Portal: portal, Keys: show(keys, now())}
		page.Refresh = page.Keys[0].Left
		render(w, "keys.html", page)
	})
	mux.HandleFunc("GET /keys.json", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		w.Header().Set("Cache-Control", "no-store")
		if err := json.NewEncoder(w).Encode(show(keys, now())); err != nil {
			return // the browser has left
		}
	})
	mux.Handle("GET /static/", static())
	return mux
}

// table writes the displays for a terminal, in columns.
func table(w io.Writer, keys []softKey, now time.Time) {
	for _, s := range show(keys, now) {
		pin := s.PIN
		if pin == "" {
			pin = "–"
		}
		fmt.Fprintf(w, "  %-10s PIN %-5s code %s %s  (%2d s)  %s / %s\n", s.Identifier, pin, s.Code[:3], s.Code[3:], s.Left, s.French, s.English)
	}
}
