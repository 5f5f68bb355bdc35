package ui_test

import (
	"bytes"
	"testing"

	"github.com/sesame-gateway/sesame/ui"
)

func TestEveryPageRenders(t *testing.T) {
	r, err := ui.New()
	if err != nil {
		t.Fatal(err)
	}
	for _, lang := range ui.Langs() {
		for _, p := range []ui.Page{
			ui.Login{}, ui.NewPIN{Min: 4, Max: 8}, ui.Synchronise{}, ui.NextCode{}, ui.Portal{},
			ui.Logout{}, ui.LoggedOut{}, ui.Assistance{}, ui.Problem{Kind: ui.ProblemExpired},
		} {
			var html bytes.Buffer
			if err := r.Render(&html, ui.Frame{Lang: lang}, p); err != nil {
				t.Errorf("%v %T: %v", lang, p, err)
			}
		}
	}
}
