package authcore

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/sesame-gateway/sesame/authcore/screenshot"
	"github.com/sesame-gateway/sesame/authcore/store"
)

// A request is a record of its own, without its description and its screenshots:
// these are too long for one value, and stand in parts beside it, written before.
// What was begun and has no record is swept.

// requestRecord is a request as it is kept; what it has not are its parts.
type requestRecord struct {
	Reference     Reference       `json:"reference"`
	Surname       string          `json:"surname"`
	GivenName     string          `json:"givenName"`
	Function      string          `json:"function,omitempty"`
	Establishment string          `json:"establishment,omitempty"`
	Email         string          `json:"email,omitempty"`
	Phone         string          `json:"phone,omitempty"`
	Hours         string          `json:"hours,omitempty"`
	Subject       string          `json:"subject"`
	Accounts      string          `json:"accounts,omitempty"`
	KeyNumber     string          `json:"keyNumber,omitempty"`
	Refusal       string          `json:"refusal,omitempty"`
	Met           string          `json:"met,omitempty"`
	Application   string          `json:"application,omitempty"`
	Holder        Identifier      `json:"holder,omitempty"`
	UAI           string          `json:"uai,omitempty"`
	Description   int             `json:"description"` // parts
	Pictures      []pictureRecord `json:"pictures,omitempty"`
	Sent          time.Time       `json:"sent"`
	Until         time.Time       `json:"until"`
}

type pictureRecord struct {
	Type  string `json:"type"`
	Parts int    `json:"parts"`
}

// askedToday counts the requests of people who were not logged in.
type askedToday struct {
	Day   time.Time `json:"day"`
	Count int       `json:"count"`
}

// maxAskedToday bounds what strangers can fill the store with: some 800 MB a day.
const maxAskedToday = 500

// requestStem sorts the newest first.
func requestStem(sent time.Time, ref Reference) string {
	return fmt.Sprintf("%016x-%s", math.MaxInt64-sent.UnixNano(), ref)
}

// requestName names a request, askedName what leads to it from its reference.
func requestName(stem string) string     { return requestPrefix + stem }
func askedName(ref Reference) string     { return "asked/" + string(ref) }
func (r requestRecord) name() string     { return requestName(requestStem(r.Sent, r.Reference)) }
func (r requestRecord) swept() time.Time { return r.Until.Add(day) }

// requestPart names a part: of the description, 0, or of the n-th screenshot.
func requestPart(ref Reference, n, part int) string {
	return fmt.Sprintf("requested/%s-%d-%02d", ref, n, part)
}

func (r Request) record() requestRecord {
	return requestRecord{
		Reference: r.Reference, Surname: r.Surname, GivenName: r.GivenName, Function: r.Function, Establishment: r.Establishment,
		Email: r.Email, Phone: r.Phone, Hours: r.Hours, Subject: r.Subject, Accounts: r.Accounts, KeyNumber: r.KeyNumber,
		Refusal: r.Refusal, Met: r.Met, Application: r.Application, Holder: r.Holder, UAI: r.UAI, Sent: r.Sent, Until: r.Until,
	}
}

func (r requestRecord) request() Request {
	return Request{
		Reference: r.Reference, Surname: r.Surname, GivenName: r.GivenName, Function: r.Function, Establishment: r.Establishment,
		Email: r.Email, Phone: r.Phone, Hours: r.Hours, Subject: r.Subject, Accounts: r.Accounts, KeyNumber: r.KeyNumber,
		Refusal: r.Refusal, Met: r.Met, Application: r.Application, Holder: r.Holder, UAI: r.UAI, Sent: r.Sent, Until: r.Until,
		Pictures: len(r.Pictures),
	}
}

// Desk is where requests for assistance are handed on to; an empty field is nowhere.
type Desk struct {
	Mail string // an e-mail address
	Hook string // a URL
}

// WithDesk returns the same gate with another desk. New makes it without.
func (g *Gate) WithDesk(d Desk) *Gate {
	with := *g
	with.desk = d
	return &with
}

// handOn writes what hands a request on into the outbox.
func (g *Gate) handOn(w store.Writer, r Request, now time.Time) error {
	for way, address := range map[Way]string{ByMail: g.desk.Mail, ByWebhook: g.desk.Hook} {
		if address == "" {
			continue
		}
		if err := post(g.secrets(), w, Message{Way: way, Address: address, About: r.Holder, Request: r.Reference}, now); err != nil {
			return err
		}
	}
	return nil
}

// AdmitRequest charges a request to whoever sends it, the person who is logged in or
// else their network, before it costs anything more. A wait that is not zero is how
// long they must wait first: from the Policy.SlowAfter-th request of a day on, as
// with guesses at codes; and for strangers until the next day when all of them
// together have sent 500. Error: the store's.
func (g *Gate) AdmitRequest(ctx context.Context, holder Identifier, from Source) (wait time.Duration, err error) {
	who := from.network()
	if holder != "" {
		who = "person " + string(holder)
	}
	err = g.shared.store.Update(ctx, func(w store.Writer) error {
		now, name := g.now(), slowName(g.secrets(), "~assistance", who)
		was, err := read[slow](g.secrets(), w, name)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		was = was.forget(now)
		if wait = max(0, was.Until.Sub(now)); wait > 0 {
			return nil
		}
		if holder == "" {
			if wait, err = g.admitStranger(w, now); err != nil || wait > 0 {
				return err
			}
		}
		is := was.failed(now, g.policy)
		return write(g.secrets(), w, name, is, is.Last.Add(slowMemory))
	})
	return wait, err
}

// admitStranger counts a request of somebody who is not logged in.
func (g *Gate) admitStranger(w store.Writer, now time.Time) (wait time.Duration, err error) {
	today, err := read[askedToday](g.secrets(), w, todayName)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return 0, err
	}
	if d := now.UTC().Truncate(day); !d.Equal(today.Day) {
		today = askedToday{Day: d}
	}
	if today.Count >= maxAskedToday {
		return today.Day.Add(day).Sub(now), nil
	}
	today.Count++
	return 0, write(g.secrets(), w, todayName, today, today.Day.Add(2*day))
}

// Ask keeps a request for assistance under the name of the form that it came in, a
// nonce: the same form sent twice is one request. The holder is the account of who is
// logged in, or nil. It returns the request with what the gate has added. Errors: a
// sentence when Problems has any, the store's.
func (g *Gate) Ask(ctx context.Context, form string, r Request, holder *Account, from Source) (Request, error) {
	if err := r.complete(); err != nil {
		return r, err
	}
	r.Reference = referenceOf([8]byte(g.secrets().derive("request", form)))
	if sent, err := g.Request(ctx, r.Reference); !errors.Is(err, ErrNotFound) {
		return sent, err
	}
	r.Holder, r.UAI = "", typedUAI(r.Establishment)
	if holder != nil {
		r.Holder = holder.Identifier
		if holder.Establishment != "" {
			r.UAI = holder.Establishment
		}
	}
	now := g.now()
	r.Sent, r.Until = now, now.Add(g.policy.Requests)
	rec, err := g.writeParts(ctx, r)
	if err != nil {
		return r, err
	}
	e := Event{Kind: RequestSent, Holder: r.Holder, Detail: fmt.Sprintf("%d screenshots", len(rec.Pictures))}
	e.Address, e.Agent = from.text()
	err = g.actUnder(ctx, r.Reference, func(w store.Writer, now time.Time) ([]Event, error) {
		if err := absent(w, askedName(r.Reference)); err != nil {
			return nil, err
		}
		if err := g.handOn(w, r, now); err != nil {
			return nil, err
		}
		return []Event{e}, errors.Join(
			write(g.secrets(), w, askedName(r.Reference), requestStem(r.Sent, r.Reference), rec.swept()),
			write(g.secrets(), w, rec.name(), rec, rec.swept()))
	})
	if errors.Is(err, ErrExists) { // the other one of two that came at once
		return g.Request(ctx, r.Reference)
	}
	if err == nil && g.desk != (Desk{}) {
		g.ring()
	}
	r.Screenshots, r.Pictures = nil, len(rec.Pictures)
	return r, err
}

// writeParts writes what does not fit into a request's record, and returns that.
func (g *Gate) writeParts(ctx context.Context, r Request) (requestRecord, error) {
	rec := r.record()
	type part struct {
		name string
		data []byte
	}
	var all []part
	split := func(n int, data []byte) (parts int) {
		for piece := range slices.Chunk(data, keptPart) {
			all = append(all, part{requestPart(r.Reference, n, parts), piece})
			parts++
		}
		return parts
	}
	rec.Description = split(0, []byte(r.Description))
	for i, s := range r.Screenshots {
		rec.Pictures = append(rec.Pictures, pictureRecord{s.Type(), split(i+1, s.Bytes())})
	}
	for some := range slices.Chunk(all, partsAtOnce) {
		err := g.shared.store.Update(ctx, func(w store.Writer) error {
			var errs []error
			for _, p := range some {
				errs = append(errs, write(g.secrets(), w, p.name, p.data, rec.swept()))
			}
			return errors.Join(errs...)
		})
		if err != nil {
			return rec, err
		}
	}
	return rec, nil
}

// requestAt reads the record of a request that is not over. Errors: ErrNotFound, the
// store's.
func (g *Gate) requestAt(from getter, ref Reference) (requestRecord, error) {
	stem, err := read[string](g.secrets(), from, askedName(ref))
	var rec requestRecord
	if err == nil {
		rec, err = read[requestRecord](g.secrets(), from, requestName(stem))
	}
	if errors.Is(err, store.ErrNotFound) || err == nil && !g.now().Before(rec.Until) {
		err = fmt.Errorf("request %s: %w", ref, ErrNotFound)
	}
	return rec, err
}

// joined reads the parts of the description, 0, or of the n-th screenshot.
func (g *Gate) joined(from getter, ref Reference, n, parts int) (data []byte, err error) {
	for i := range parts {
		part, err := read[[]byte](g.secrets(), from, requestPart(ref, n, i))
		if err != nil {
			return nil, err
		}
		data = append(data, part...)
	}
	return data, nil
}

// Request returns a request by its reference, without its screenshots. Errors:
// ErrNotFound, the store's.
func (g *Gate) Request(ctx context.Context, ref Reference) (r Request, err error) {
	err = g.shared.store.View(ctx, func(from store.Reader) error {
		rec, err := g.requestAt(from, ref)
		if err == nil {
			r, err = g.described(from, rec)
		}
		return err
	})
	return r, err
}

// described is a request with its description.
func (g *Gate) described(from getter, rec requestRecord) (Request, error) {
	r := rec.request()
	text, err := g.joined(from, rec.Reference, 0, rec.Description)
	r.Description = string(text)
	return r, err
}

// Screenshot returns one of a request's screenshots; the first is 1. Errors:
// ErrNotFound, the store's.
func (g *Gate) Screenshot(ctx context.Context, ref Reference, n int) (image screenshot.Image, err error) {
	err = g.shared.store.View(ctx, func(from store.Reader) error {
		rec, err := g.requestAt(from, ref)
		if err == nil {
			image, err = g.screenshotOf(from, rec, n)
		}
		return err
	})
	return image, err
}

// screenshotOf is the n-th screenshot of a request. Errors: ErrNotFound, the store's.
func (g *Gate) screenshotOf(from getter, rec requestRecord, n int) (screenshot.Image, error) {
	if n < 1 || n > len(rec.Pictures) {
		return screenshot.Image{}, fmt.Errorf("screenshot %d of request %s: %w", n, rec.Reference, ErrNotFound)
	}
	p := rec.Pictures[n-1]
	data, err := g.joined(from, rec.Reference, n, p.Parts)
	return screenshot.Kept(data, p.Type), err
}

// RequestQuery says which requests to list. The zero value says all; each field that
// is set leaves out what it does not fit.
type RequestQuery struct {
	Establishments []string // UAI, one of these
	Holder         Identifier
}

func (q RequestQuery) fits(rec requestRecord) bool {
	return (len(q.Establishments) == 0 || slices.Contains(q.Establishments, rec.UAI)) && (q.Holder == "" || q.Holder == rec.Holder)
}

// Requests lists requests for assistance, the newest first, without their
// descriptions and screenshots: those behind the one of the reference after, or from
// the newest on for "", at most limit of them; 0 is no limit. A request that came in
// the name of an establishment is its holder's only where Holder says so: whoever is
// not logged in may type any. Errors: ErrNotFound when there is no request after; the
// store's.
func (g *Gate) Requests(ctx context.Context, q RequestQuery, after Reference, limit int) (list []Request, err error) {
	err = g.shared.store.View(ctx, func(r store.Reader) error {
		list = nil
		from := ""
		if after != "" {
			rec, err := g.requestAt(r, after)
			if err != nil {
				return err
			}
			from = rec.name()
		}
		now := g.now()
		found, err := collectPage(g.secrets(), r, requestPrefix, from, limit, func(rec requestRecord) (bool, error) {
			return q.fits(rec) && now.Before(rec.Until), nil
		})
		for _, rec := range found {
			list = append(list, rec.request())
		}
		return err
	})
	return list, err
}

// RemoveRequest deletes a request with all that came with it. Errors: ErrNotFound,
// the store's.
func (g *Gate) RemoveRequest(ctx context.Context, by Actor, ref Reference) error {
	return g.act(ctx, func(w store.Writer, _ time.Time) ([]Event, error) {
		rec, err := g.requestAt(w, ref)
		if err != nil {
			return nil, err
		}
		names := rec.names()
		return []Event{{Kind: RequestRemoved, Holder: rec.Holder, Actor: by.Name, Detail: string(ref)}}, deleteNames(w, names)
	})
}

// names are all records of a request: 60 at most.
func (r requestRecord) names() []string {
	names := []string{r.name(), askedName(r.Reference)}
	for i := range r.Description {
		names = append(names, requestPart(r.Reference, 0, i))
	}
	for n, p := range r.Pictures {
		for i := range p.Parts {
			names = append(names, requestPart(r.Reference, n+1, i))
		}
	}
	return names
}

// forgetRequests deletes the requests that somebody has sent while logged in.
func (g *Gate) forgetRequests(ctx context.Context, id Identifier) error {
	var names []string
	err := g.shared.store.View(ctx, func(r store.Reader) error {
		names = nil
		found, err := collect(g.secrets(), r, requestPrefix, func(rec requestRecord) (bool, error) { return rec.Holder == id, nil })
		for _, rec := range found {
			names = append(names, rec.names()...)
		}
		return err
	})
	if err != nil {
		return err
	}
	return g.deleteAll(ctx, names)
}
