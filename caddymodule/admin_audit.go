package caddymodule

import (
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/sesame-gateway/sesame/authcore"
)

// eventList is the answer to GET /sesame/audit, unless lines are asked for.
type eventList struct {
	Events []authcore.Event `json:"events"`
}

// auditParameters say which entries to list, and how.
var auditParameters = []string{"user", "key", "reference", "since", "until", "kind", "alerts", "follow"}

// followEvery is how often the trail is read for who follows it.
const followEvery = time.Second

func listEvents(c *adminCall) (any, error) {
	q, err := c.auditQuery()
	if err != nil {
		return nil, err
	}
	follow, err := c.flag("follow")
	switch {
	case err != nil:
		return nil, err
	case follow:
		return eventStream{events: c.followed(q), lines: true, live: true}, nil
	}
	return eventStream{events: c.gate.Trail(c.Context(), q), lines: c.accepts(ndjson)}, nil
}

// accepts tells whether the client named a media type (RFC 9110, section 12.5.1)
// and did not refuse it.
func (c *adminCall) accepts(mediaType string) bool {
	for _, header := range c.Header.Values("Accept") {
		for part := range strings.SplitSeq(header, ",") {
			t, parameters, err := mime.ParseMediaType(part)
			if quality, _ := strconv.ParseFloat(parameters["q"], 64); err == nil && t == mediaType && (quality > 0 || parameters["q"] == "") {
				return true
			}
		}
	}
	return false
}

// auditQuery reads which entries of the audit trail are asked for.
func (c *adminCall) auditQuery() (q authcore.AuditQuery, err error) {
	for _, p := range []struct {
		name string
		read func(string) error
	}{
		{"reference", func(text string) (err error) { q.Reference, err = readReference(text); return err }},
		{"user", func(text string) (err error) { q.User, err = readIdentifier(text); return err }},
		{"key", func(text string) (err error) { q.Key, err = readSerial(text); return err }},
		{"since", func(text string) (err error) { q.Since, err = readMoment("since", text); return err }},
		{"until", func(text string) (err error) { q.Until, err = readMoment("until", text); return err }},
		{"kind", func(text string) (err error) { q.Kinds, err = readKinds(text); return err }},
	} {
		if text := c.query.Get(p.name); text != "" {
			if err := p.read(text); err != nil {
				return q, err
			}
		}
	}
	q.Alerts, err = c.flag("alerts")
	return q, err
}

// readMoment reads a time of RFC 3339.
func readMoment(name, text string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return t, adminRefusal(http.StatusBadRequest, "the parameter %s is a time such as 2026-09-01T08:00:00Z (RFC 3339)", name)
	}
	return t, nil
}

// readKinds reads the words of events, parted by commas.
func readKinds(text string) (kinds []authcore.EventKind, err error) {
	for word := range strings.SplitSeq(text, ",") {
		var k authcore.EventKind
		if err := k.UnmarshalText([]byte(word)); err != nil {
			return nil, adminRefusal(http.StatusBadRequest, "the parameter kind is a list of events such as pin-wrong,key-locked: %w", err)
		}
		kinds = append(kinds, k)
	}
	return kinds, nil
}

// followed yields the entries that are there and then those that come, until the
// client leaves or the configuration ends.
func (c *adminCall) followed(q authcore.AuditQuery) iter.Seq2[authcore.Event, error] {
	return func(yield func(authcore.Event, error) bool) {
		f := c.gate.Follow(q)
		tick := time.NewTicker(followEvery)
		defer tick.Stop()
		over := configOver()
		for {
			for e, err := range f.Next(c.Context()) {
				if !yield(e, err) {
					return
				}
			}
			select {
			case <-c.Context().Done():
				return
			case <-over:
				return
			case <-tick.C:
			}
		}
	}
}

// configOver is closed when the configuration that is active now ends; nil, which
// never is, where Caddy runs none.
func configOver() <-chan struct{} {
	active := caddy.ActiveContext()
	if active.Context == nil {
		return nil
	}
	return active.Done()
}

// eventStream is an answer that is written entry by entry, however many there
// are: an object with their list, or in lines. A live one is sent on at once and
// lasts as long as the client stays.
type eventStream struct {
	events      iter.Seq2[authcore.Event, error]
	lines, live bool
}

// stream sends the entries. What fails before the first one is an answer of its
// own; later it can only be told by breaking off.
func (c *adminCall) stream(s eventStream) error {
	control, out := http.NewResponseController(c.w), eventWriter{call: c, lines: s.lines}
	if c.Method == http.MethodHead {
		out.open()
		return nil
	}
	if s.live {
		// Caddy bounds how long a request may take to be read, and net/http would
		// take the end of that time for the client's.
		_ = control.SetReadDeadline(time.Time{})
		out.open()
		_ = control.Flush()
	}
	for e, err := range s.events {
		if err == nil {
			err = out.write(e)
		}
		switch {
		case err == nil && s.live:
			_ = control.Flush()
		case err == nil:
		case c.Context().Err() != nil:
			return nil // nobody is there any more
		case out.opened:
			panic(http.ErrAbortHandler)
		default:
			return err
		}
	}
	out.close()
	return nil
}

// eventWriter writes entries in either form.
type eventWriter struct {
	call   *adminCall
	lines  bool
	opened bool
	n      int // entries written
}

// open sends what comes before the first entry.
func (o *eventWriter) open() {
	o.opened = true
	contentType, begin := "application/json", `{"events":[`
	if o.lines {
		contentType, begin = ndjson, ""
	}
	o.call.head(contentType)
	_, _ = io.WriteString(o.call.w, begin)
}

func (o *eventWriter) write(e authcore.Event) error {
	b, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("encoding an entry: %w", err)
	}
	if !o.opened {
		o.open()
	}
	switch {
	case o.lines:
		b = append(b, '\n')
	case o.n > 0:
		b = append([]byte{','}, b...)
	}
	o.n++
	_, err = o.call.w.Write(b)
	return err
}

func (o *eventWriter) close() {
	if !o.opened {
		o.open()
	}
	if !o.lines {
		_, _ = io.WriteString(o.call.w, "]}\n")
	}
}

// verifyAudit tells what is wrong with the trail: that something is, is no
// failure of the request.
func verifyAudit(c *adminCall) (any, error) { return c.gate.VerifyAudit(c.Context()) }

// purgeOrder says what to remove from the trail.
type purgeOrder struct {
	Before time.Time `json:"before"`
}

// purgeReport is how many entries were removed.
type purgeReport struct {
	Removed int `json:"removed"`
}

func purgeAudit(c *adminCall) (any, error) {
	var order purgeOrder
	if err := c.decode(&order); err != nil {
		return nil, err
	}
	if order.Before.IsZero() || order.Before.After(now()) {
		return nil, adminRefusal(http.StatusBadRequest, "before is a time that has passed: what is older is removed")
	}
	n, err := c.gate.PurgeAudit(c.Context(), c.by, order.Before)
	return purgeReport{n}, err
}

// misread are the letters that references do not have, with what they are read
// for (Crockford's base 32).
var misread = strings.NewReplacer("O", "0", "I", "1", "L", "1", " ", "", "-", "")

// readReference brings a reference into the form in which it was given, from
// how people write it down.
func readReference(text string) (authcore.Reference, error) {
	s := misread.Replace(strings.ToUpper(text))
	if len(s) != 8 {
		return "", adminRefusal(http.StatusBadRequest, "a reference has eight letters and digits, such as 7F3K-Q2M9")
	}
	return authcore.Reference(s[:4] + "-" + s[4:]), nil
}
