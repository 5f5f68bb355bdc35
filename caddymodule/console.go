package caddymodule

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/sesame-gateway/sesame/authcore"
	"github.com/sesame-gateway/sesame/ui"
)

// consoleRoutes are all paths of the console: what is looked at, then each act on a
// page of its own.
func consoleRoutes() map[string]route {
	routes := map[string]route{
		ui.PathConsole:         {get: (*exchange).showConsole},
		ui.PathConsolePerson:   {get: (*exchange).showConsolePerson},
		ui.PathConsoleStory:    {get: (*exchange).showConsoleStory},
		ui.PathConsoleStock:    {get: (*exchange).showConsoleStock},
		ui.PathConsoleStockCSV: {get: (*exchange).showConsoleStockCSV},
		ui.PathConsoleRequests: {get: (*exchange).showConsoleRequests},
		ui.PathConsoleRequest:  {get: (*exchange).showConsoleRequest},
		ui.PathConsolePicture:  {get: (*exchange).showConsolePicture},
		ui.PathConsolePending:  {get: (*exchange).showConsolePending},
	}
	for _, a := range consoleActs {
		routes[a.act.Path()] = route{
			get:  func(x *exchange) error { return x.showAct(a) },
			post: func(x *exchange) error { return x.takeAct(a) },
		}
	}
	return routes
}

// desk is somebody at work in the console.
type desk struct {
	authcore.Clerk
	session authcore.Session
	account authcore.Account
	office  authcore.Office
}

// desk opens the console to whoever has a role; it answers itself where it does not.
func (x *exchange) desk() (d desk, ok bool, err error) {
	s, a, err := x.session(isUse(x.r))
	switch {
	case errors.Is(err, authcore.ErrNoSession) && (isPageLoad(x.r) || x.r.Method == http.MethodPost):
		return d, false, x.redirect(x.site.origin.String() + ui.PathLogin)
	case errors.Is(err, authcore.ErrNoSession):
		return d, false, x.loginRequired()
	case err != nil:
		return d, false, x.refuse(unavailable, err)
	}
	x.is(&a)
	x.keepLang()
	d = desk{Clerk: x.gate.Clerk(s, x.source()), session: s, account: a}
	if d.office, err = d.Office(x.r.Context()); err != nil {
		return d, false, x.barred(err)
	}
	return d, true, nil
}

// barred answers to what the console does not allow. What is out of somebody's scope
// does not exist to them.
func (x *exchange) barred(err error) error {
	bar, ok := errors.AsType[*authcore.BarredError](err)
	switch {
	case !ok:
		return x.refuse(unavailable, err)
	case bar.Bar == authcore.BarScope:
		return x.refuse(notFound, err)
	case bar.Bar == authcore.BarShut:
		return x.redirect(x.site.origin.String() + ui.PathLogin)
	}
	return x.refuse(consoleBarred, err)
}

// showDesk answers with a page of the console. query is what of its address the
// other language keeps.
func (x *exchange) showDesk(status int, d desk, path string, query url.Values, p ui.Page) (err error) {
	f := x.frame()
	var more []string
	if text := query.Encode(); text != "" {
		more = append(more, text)
	}
	f.SwitchHref = x.switchHref(path, more...)
	if f.CSRF, err = x.gate.FormToken(string(d.session.ID)); err != nil {
		return x.refuse(unavailable, err)
	}
	return x.page(status, f, p)
}

// values gives the parameters of the address by these names, those that are there.
func (x *exchange) values(names ...string) url.Values {
	values := make(url.Values)
	for _, name := range names {
		if v := x.query(name); v != "" {
			values.Set(name, v)
		}
	}
	return values
}

// The console is told in its address what has just been done.
const (
	newsConsoleDone   = "done"
	newsConsoleAwaits = "awaits"
	newsConsoleState  = "state"
	newsConsoleOwn    = "own"
)

var consoleNews = map[string]ui.Notice{
	newsConsoleDone:   ui.NoticeConsoleDone,
	newsConsoleAwaits: ui.NoticeConsoleAwaits,
	newsConsoleState:  ui.NoticeConsoleState,
	newsConsoleOwn:    ui.NoticeConsoleOwn,
}

func (x *exchange) showConsole() error {
	d, ok, err := x.desk()
	if !ok {
		return err
	}
	p := ui.Console{
		Scope: x.gate.Scope(d.office), Query: x.query(ui.FieldQuery), Establishment: x.query(ui.FieldEstablishment),
		Operator: d.office.Role == authcore.RoleOperator,
	}
	if p.Query != "" || p.Establishment != "" {
		res, err := d.Search(x.r.Context(), authcore.ConsoleQuery{Text: p.Query, Establishment: p.Establishment, After: x.query(ui.FieldAfter)})
		if err != nil {
			return x.barred(err)
		}
		p.Searched, p.Next = true, res.Next
		for _, a := range res.People {
			p.People = append(p.People, ui.ConsoleEntry{ID: string(a.Identifier), Name: a.Name(), Establishments: strings.Join(a.Establishments(), ", ")})
		}
	}
	return x.showDesk(http.StatusOK, d, ui.PathConsole, x.values(ui.FieldQuery, ui.FieldEstablishment, ui.FieldAfter), p)
}

// consolePerson reads who a page is about.
func (x *exchange) consolePerson(d desk, text string) (authcore.ConsolePerson, error) {
	id, err := authcore.ParseIdentifier(text)
	if err != nil {
		return authcore.ConsolePerson{}, &authcore.BarredError{Bar: authcore.BarScope}
	}
	return d.Person(x.r.Context(), id)
}

func (x *exchange) showConsolePerson() error {
	d, ok, err := x.desk()
	if !ok {
		return err
	}
	known, err := x.consolePerson(d, x.query(ui.FieldPerson))
	if err != nil {
		return x.barred(err)
	}
	a := known.Account
	p := ui.ConsolePerson{
		ID: string(a.Identifier), Name: a.Name(), Establishments: strings.Join(a.Establishments(), ", "),
		Line: x.diagnosis(known), Events: viewEvents(known.Events), Notice: consoleNews[x.query(paramNews)],
	}
	offered := func(deed authcore.Deed) bool {
		bar, mayErr := d.May(x.r.Context(), deed, authcore.SubjectOf(a))
		err = errors.Join(err, mayErr)
		return bar == authcore.NoBar || bar == authcore.BarStale
	}
	x.offer(&p, known, offered)
	if err != nil {
		return x.refuse(unavailable, err)
	}
	return x.showDesk(http.StatusOK, d, ui.PathConsolePerson, x.values(ui.FieldPerson), p)
}

// offer puts the acts on a person's page that could be done.
func (x *exchange) offer(p *ui.ConsolePerson, known authcore.ConsolePerson, offered func(authcore.Deed) bool) {
	for _, k := range known.Keys {
		key := ui.ConsoleKey{Serial: string(k.Serial), Place: k.Place().String(), Expires: keyEnd(k).Local()}
		for _, a := range consoleActs {
			if a.onKey != nil && a.onKey(k) && offered(a.deed) {
				key.Acts = append(key.Acts, a.act)
			}
		}
		p.Keys = append(p.Keys, key)
	}
	for _, own := range known.Account.Passkeys {
		p.Passkeys = append(p.Passkeys, ui.ConsoleThing{ID: own.ID(), Name: own.Name, Ends: offered(authcore.DeedRevokePasskey)})
	}
	delegable := x.app.console.Delegable
	for _, given := range known.Account.Delegations {
		if given.Running(x.gate.Now()) {
			ends := slices.Contains(delegable, given.Application) && offered(authcore.DeedUndelegate)
			p.Delegations = append(p.Delegations, ui.ConsoleThing{ID: given.Application, Name: x.app.nameOf(given.Application), Until: given.Until.Local(), Ends: ends})
		}
	}
	if offered(authcore.DeedAssign) {
		p.Acts = append(p.Acts, ui.ActAssign)
	}
	if len(delegable) > 0 && offered(authcore.DeedDelegate) {
		p.Acts = append(p.Acts, ui.ActDelegate)
	}
}

// nameOf is what people call an application; its ID where the configuration has it no
// more.
func (s *settings) nameOf(application string) string {
	if t := s.byID[application]; t != nil && t.name != "" {
		return t.name
	}
	return application
}

// viewEvents are entries as the console tells them.
func viewEvents(events []authcore.Event) []ui.ConsoleEvent {
	all := make([]ui.ConsoleEvent, 0, len(events))
	for _, e := range events {
		all = append(all, ui.ConsoleEvent{Kind: e.Kind.String(), Time: e.Time.Local(), Reference: string(e.Reference), Actor: e.Actor})
	}
	return all
}

func (x *exchange) showConsoleStory() error {
	d, ok, err := x.desk()
	if !ok {
		return err
	}
	p := ui.ConsoleStory{Reference: x.query(ui.FieldReference)}
	if p.Reference != "" {
		p.Asked = true
		events, err := x.story(d, p.Reference)
		if err != nil {
			return x.barred(err)
		}
		p.Events = viewEvents(events)
		if len(events) > 0 {
			known, err := d.Person(x.r.Context(), events[0].Holder)
			if err != nil {
				return x.barred(err)
			}
			p.ID, p.Name = string(known.Account.Identifier), known.Account.Name()
		}
	}
	return x.showDesk(http.StatusOK, d, ui.PathConsoleStory, x.values(ui.FieldReference), p)
}

// story is what is behind a reference; nothing, where it is nobody's of the scope.
func (x *exchange) story(d desk, text string) ([]authcore.Event, error) {
	reference, err := readReference(text)
	if err != nil {
		return nil, nil //nolint:nilerr // what is no reference is nobody's
	}
	events, err := d.Story(x.r.Context(), reference)
	if bar, ok := errors.AsType[*authcore.BarredError](err); ok && bar.Bar == authcore.BarScope {
		return nil, nil
	}
	return events, err
}

// diagnosis is whois in one line, below the name, for somebody who has pages and no commands.
func (x *exchange) diagnosis(p authcore.ConsolePerson) string {
	now := x.gate.Now()
	w := newWhois(p.Account, p.Keys, x.app.sites, now)
	w.Unmatched, w.NextCodeAfter = p.Blind, x.gate.Policy().NextCodeAfter
	if x.lang() == ui.French {
		return spaced.Replace(consoleFrench.state(w, now))
	}
	return consoleEnglish.state(w, now)
}

// spaced sets the spaces of French that no line ends at, which a terminal does
// without.
var spaced = strings.NewReplacer(" :", "\u00a0:", " ;", "\u202f;")

// consoleFrench and consoleEnglish are the words of whois without its commands: a
// verb %.0s swallows what these would be given.
var consoleFrench, consoleEnglish = func() (fr, en whoisWords) {
	fr, en = whoisFrench, whoisEnglish
	fr.disabled, en.disabled = "compte désactivé : à voir avec l’assistance%.0s", "account disabled: ask the help desk%.0s"
	fr.ended, en.ended = "compte échu le %s : à voir avec l’assistance%.0s", "account ended on %s: ask the help desk%.0s"
	fr.noKey, en.noKey = "aucune clé : lui en attribuer une%.0s", "no key: assign one%.0s"
	fr.locked, en.locked = "clé %s bloquée après %d codes PIN faux : la débloquer%.0s", "key %s locked after %d wrong PINs: unlock it%.0s"
	fr.noRights, fr.noRightsToo = "aucune application : c’est une question de droits, pas de clé", "aucune application : c’est aussi une question de droits"
	return fr, en
}()
