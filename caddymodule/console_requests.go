package caddymodule

import (
	"cmp"
	"net/http"
	"strconv"
	"strings"

	"github.com/sesame-gateway/sesame/authcore"
	"github.com/sesame-gateway/sesame/ui"
)

// consoleRequests is how many requests for assistance are on a page.
const consoleRequests = 50

func (x *exchange) showConsoleRequests() error {
	d, ok, err := x.desk()
	if !ok {
		return err
	}
	var after authcore.Reference
	if text := x.query(ui.FieldAfter); text != "" {
		if after, err = readReference(text); err != nil {
			return x.barred(errGone)
		}
	}
	list, err := d.Requests(x.r.Context(), after, consoleRequests+1)
	if err != nil {
		return x.barred(err)
	}
	var p ui.ConsoleRequests
	if len(list) > consoleRequests {
		list = list[:consoleRequests]
		p.Next = string(list[consoleRequests-1].Reference)
	}
	for _, r := range list {
		p.Requests = append(p.Requests, ui.ConsoleRequestEntry{
			Reference: string(r.Reference), Subject: r.Subject, From: strings.TrimSpace(r.GivenName + " " + r.Surname),
			Reach: cmp.Or(r.Phone, r.Email), Sent: r.Sent.Local(),
		})
	}
	return x.showDesk(http.StatusOK, d, ui.PathConsoleRequests, x.values(ui.FieldAfter), p)
}

// showConsoleRequest shows one request, as it was typed.
func (x *exchange) showConsoleRequest() error {
	d, ok, err := x.desk()
	if !ok {
		return err
	}
	ref, err := readReference(x.query(ui.FieldReference))
	if err != nil {
		return x.barred(errGone)
	}
	r, sender, err := d.Request(x.r.Context(), ref)
	if err != nil {
		return x.barred(err)
	}
	p := ui.ConsoleRequest{
		Reference: string(r.Reference), Typed: typedForm(r), LoggedIn: r.Holder != "", ID: string(sender.Identifier), Name: sender.Name(),
		Pictures: r.Pictures, Sent: r.Sent.Local(), Until: r.Until.Local(),
	}
	if refusal, err := readReference(r.Refusal); err == nil && authcore.ValidReference(string(refusal)) {
		p.Refusal = string(refusal)
	}
	return x.showDesk(http.StatusOK, d, ui.PathConsoleRequest, x.values(ui.FieldReference), p)
}

// pictureCSP is for a picture that the browser may show on a page of its own, where
// it is nothing but that.
const pictureCSP = bareCSP + "; sandbox"

// showConsolePicture answers with a screenshot, which the gate has made itself out of
// the points of the one that was sent.
func (x *exchange) showConsolePicture() error {
	d, ok, err := x.desk()
	if !ok {
		return err
	}
	ref, err := readReference(x.query(ui.FieldReference))
	if err != nil {
		return x.barred(errGone)
	}
	n, err := strconv.Atoi(x.query(ui.FieldNumber))
	if err != nil {
		return x.barred(errGone)
	}
	s, err := d.Screenshot(x.r.Context(), ref, n)
	if err != nil {
		return x.barred(err)
	}
	x.protect(pictureCSP)
	h := x.w.Header()
	h.Set("Content-Type", s.Type())
	h.Set("Content-Length", strconv.Itoa(len(s.Bytes())))
	h.Set("Content-Disposition", `inline; filename="`+pictureName(ref, n, s.Type())+`"`)
	x.w.WriteHeader(http.StatusOK)
	_, _ = x.w.Write(s.Bytes()) // a client that has left cannot be told
	return nil
}
