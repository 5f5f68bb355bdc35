package caddymodule

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sesame-gateway/sesame/authcore"
	"github.com/sesame-gateway/sesame/authcore/peoplefile"
	"github.com/sesame-gateway/sesame/ui"
)

// consoleAct is one act of the console: the page that asks to confirm it, and what it
// does.
type consoleAct struct {
	act  ui.Act
	deed authcore.Deed
	// onKey says whether a person's key is in a state for it; nil where the act is not
	// on one.
	onKey func(authcore.KeyInfo) bool
	// about finds what the act is done to, and what is to be chosen first.
	about func(*exchange, desk, *ui.ConsoleAct) (authcore.Subject, error)
	// do does it. A notice sends the form back.
	do func(*exchange, desk, ui.ConsoleAct) (ui.Notice, error)
	// codes are shown in the place of the way back; nil for most.
	codes bool
}

var consoleActs = []consoleAct{
	{act: ui.ActUnlock, deed: authcore.DeedUnlock, about: aboutKey, onKey: inState(authcore.Locked), do: onKey(authcore.Clerk.Unlock)},
	{act: ui.ActClearPIN, deed: authcore.DeedClearPIN, about: aboutKey, do: onKey(authcore.Clerk.ClearPIN),
		onKey: func(k authcore.KeyInfo) bool {
			return k.PINDefined && inState(authcore.Active, authcore.ToSynchronise, authcore.Locked)(k)
		}},
	{act: ui.ActLose, deed: authcore.DeedLose, about: aboutKey, codes: true,
		onKey: inState(authcore.PINToDefine, authcore.ToSynchronise, authcore.Active, authcore.Locked, authcore.Lost)},
	{act: ui.ActHandOver, deed: authcore.DeedHandOver, about: aboutKey, do: onKey(authcore.Clerk.HandOver),
		onKey: func(k authcore.KeyInfo) bool {
			return k.HandedOver.IsZero() && !inState(authcore.Lost, authcore.Retired)(k)
		}},
	{act: ui.ActReturn, deed: authcore.DeedReturn, about: aboutKey, do: onKey(authcore.Clerk.Return),
		onKey: inState(authcore.PINToDefine, authcore.ToSynchronise, authcore.Active, authcore.Locked)},
	{act: ui.ActAssign, deed: authcore.DeedAssign, about: (*exchange).aboutAssignment, do: onKey(authcore.Clerk.Assign)},
	{act: ui.ActReceive, deed: authcore.DeedReceive, about: (*exchange).aboutArrival,
		do: func(x *exchange, d desk, p ui.ConsoleAct) (ui.Notice, error) {
			return 0, d.Receive(x.r.Context(), authcore.Serial(p.Serial))
		}},
	{act: ui.ActDelegate, deed: authcore.DeedDelegate, about: (*exchange).aboutDelegation, do: (*exchange).delegate},
	{act: ui.ActEndDelegation, deed: authcore.DeedUndelegate, about: (*exchange).aboutRunning,
		do: func(x *exchange, d desk, p ui.ConsoleAct) (ui.Notice, error) {
			return 0, d.EndDelegation(x.r.Context(), authcore.Identifier(p.ID), p.Application)
		}},
	{act: ui.ActRevokePasskey, deed: authcore.DeedRevokePasskey, about: (*exchange).aboutPasskey,
		do: func(x *exchange, d desk, p ui.ConsoleAct) (ui.Notice, error) {
			return 0, d.RevokePasskey(x.r.Context(), authcore.Identifier(p.ID), p.Passkey)
		}},
	{act: ui.ActConfirm, deed: authcore.DeedConfirm, about: (*exchange).aboutPending,
		do: func(x *exchange, d desk, p ui.ConsoleAct) (ui.Notice, error) {
			_, err := d.Confirm(x.r.Context(), authcore.Reference(p.Pending))
			return 0, err
		}},
	{act: ui.ActRefuse, deed: authcore.DeedConfirm, about: (*exchange).aboutPending,
		do: func(x *exchange, d desk, p ui.ConsoleAct) (ui.Notice, error) {
			return 0, d.Withdraw(x.r.Context(), authcore.Reference(p.Pending))
		}},
}

// actPaths are the pages that take a proof of the last five minutes.
var actPaths = func() map[string]bool {
	paths := make(map[string]bool)
	for _, a := range ui.Acts() {
		paths[a.Path()] = true
	}
	return paths
}()

func inState(states ...authcore.State) func(authcore.KeyInfo) bool {
	return func(k authcore.KeyInfo) bool { return slices.Contains(states, k.State) }
}

// onKey is an act on a key of the person that the page named.
func onKey(do func(authcore.Clerk, context.Context, authcore.Serial, authcore.Identifier) error) func(*exchange, desk, ui.ConsoleAct) (ui.Notice, error) {
	return func(x *exchange, d desk, p ui.ConsoleAct) (ui.Notice, error) {
		return 0, do(d.Clerk, x.r.Context(), authcore.Serial(p.Serial), authcore.Identifier(p.ID))
	}
}

// errGone is what is looked for and is not there, or not in that person's hands.
var errGone = &authcore.BarredError{Bar: authcore.BarScope}

// onPerson finds the person of an act.
func (x *exchange) onPerson(d desk, p *ui.ConsoleAct) (authcore.ConsolePerson, error) {
	known, err := x.consolePerson(d, p.ID)
	p.ID, p.Name = string(known.Account.Identifier), known.Account.Name()
	return known, err
}

// aboutKey finds the key of an act, which must be the person's.
func aboutKey(x *exchange, d desk, p *ui.ConsoleAct) (authcore.Subject, error) {
	known, err := x.onPerson(d, p)
	if err != nil {
		return authcore.Subject{}, err
	}
	serial, err := authcore.ParseSerial(p.Serial)
	if err != nil || !slices.Contains(known.Account.Keys, serial) {
		return authcore.Subject{}, errGone
	}
	p.Serial = string(serial)
	return authcore.SubjectOf(known.Account), nil
}

// aboutAssignment lets a key be chosen out of the safes of the establishments that
// the clerk and the person have in common.
func (x *exchange) aboutAssignment(d desk, p *ui.ConsoleAct) (authcore.Subject, error) {
	known, err := x.onPerson(d, p)
	if err != nil {
		return authcore.Subject{}, err
	}
	if p.Serial != "" {
		serial, err := authcore.ParseSerial(p.Serial)
		if err != nil {
			return authcore.Subject{}, errGone
		}
		p.Serial = string(serial)
		return authcore.SubjectOf(known.Account), nil
	}
	p.Choosing = true
	for _, uai := range known.Account.Establishments() {
		keys, err := d.Stock(x.r.Context(), uai)
		if bar, barred := errors.AsType[*authcore.BarredError](err); barred && bar.Bar == authcore.BarScope {
			continue
		}
		if err != nil {
			return authcore.Subject{}, err
		}
		for _, k := range keys {
			if place := k.Place(); (place == authcore.PlaceSafe || place == authcore.PlaceReturned) && !keyOver(k, x.gate.Now()) {
				p.Choices = append(p.Choices, ui.ConsoleChoice{Name: string(k.Serial) + " (" + uai + ")", Serial: string(k.Serial)})
			}
		}
	}
	return authcore.SubjectOf(known.Account), nil
}

// aboutArrival finds a key that was sent to an establishment of the clerk's.
func (x *exchange) aboutArrival(d desk, p *ui.ConsoleAct) (authcore.Subject, error) {
	p.ID = ""
	serial, err := authcore.ParseSerial(p.Serial)
	if err != nil {
		return authcore.Subject{}, errGone
	}
	k, err := x.gate.KeyInfo(x.r.Context(), serial)
	switch {
	case errors.Is(err, authcore.ErrNotFound), err == nil && k.Stock == "":
		return authcore.Subject{}, errGone
	case err != nil:
		return authcore.Subject{}, err
	}
	p.Serial, p.Establishment = string(serial), k.Stock
	return authcore.Subject{Establishments: []string{k.Stock}}, nil
}

// aboutDelegation lets an application be chosen that may be delegated here.
func (x *exchange) aboutDelegation(d desk, p *ui.ConsoleAct) (authcore.Subject, error) {
	known, err := x.onPerson(d, p)
	if err != nil {
		return authcore.Subject{}, err
	}
	delegable := x.app.console.Delegable
	switch {
	case p.Application == "":
		p.Choosing = true
		for _, id := range delegable {
			p.Choices = append(p.Choices, ui.ConsoleChoice{Name: x.app.nameOf(id), Application: id})
		}
	case !slices.Contains(delegable, p.Application):
		return authcore.Subject{}, errGone
	}
	p.Thing = x.app.nameOf(p.Application)
	return authcore.SubjectOf(known.Account), nil
}

// aboutRunning finds a delegation that may be ended here.
func (x *exchange) aboutRunning(d desk, p *ui.ConsoleAct) (authcore.Subject, error) {
	known, err := x.onPerson(d, p)
	if err != nil {
		return authcore.Subject{}, err
	}
	if !slices.Contains(x.app.console.Delegable, p.Application) {
		return authcore.Subject{}, errGone
	}
	p.Thing = x.app.nameOf(p.Application)
	return authcore.SubjectOf(known.Account), nil
}

func (x *exchange) aboutPasskey(d desk, p *ui.ConsoleAct) (authcore.Subject, error) {
	known, err := x.onPerson(d, p)
	if err != nil {
		return authcore.Subject{}, err
	}
	own, err := known.Account.FindPasskey(p.Passkey)
	if err != nil || own.ID() != p.Passkey {
		return authcore.Subject{}, errGone
	}
	p.Thing = own.Name
	return authcore.SubjectOf(known.Account), nil
}

func (x *exchange) aboutPending(d desk, p *ui.ConsoleAct) (authcore.Subject, error) {
	if d.office.Role != authcore.RoleOperator {
		return authcore.Subject{}, &authcore.BarredError{Bar: authcore.BarRole}
	}
	all, err := x.gate.Pendings(x.r.Context())
	if err != nil {
		return authcore.Subject{}, err
	}
	i := slices.IndexFunc(all, func(w authcore.Pending) bool { return string(w.ID) == p.Pending })
	if i < 0 {
		return authcore.Subject{}, errGone
	}
	p.ID = string(all[i].Holder)
	known, err := x.onPerson(d, p)
	p.Waiting = viewWaiting(all[i], known.Account)
	return authcore.SubjectOf(known.Account), err
}

// consoleForm is what a page of an act is about, from its address or its form.
func consoleForm(act ui.Act, get func(string) string) ui.ConsoleAct {
	return ui.ConsoleAct{
		Act: act, ID: get(ui.FieldPerson), Serial: get(ui.FieldSerial), Passkey: get(ui.FieldPasskey), Application: get(ui.FieldApplication), Pending: get(ui.FieldPending),
		Reason: strings.TrimSpace(get(ui.FieldReason)), Days: strings.TrimSpace(get(ui.FieldDays)), Until: strings.TrimSpace(get(ui.FieldUntil)),
	}
}

// consoleQuery is the address of an act's page, without what was typed there.
func consoleQuery(p ui.ConsoleAct) url.Values {
	values := make(url.Values)
	for name, value := range map[string]string{
		ui.FieldPerson: p.ID, ui.FieldSerial: p.Serial, ui.FieldPasskey: p.Passkey, ui.FieldApplication: p.Application, ui.FieldPending: p.Pending,
	} {
		if value != "" {
			values.Set(name, value)
		}
	}
	return values
}

// freshLogin leads to the login, and back to the act's page.
func (x *exchange) freshLogin(p ui.ConsoleAct) error {
	target := x.site.origin.String() + p.Act.Path() + "?" + consoleQuery(p).Encode()
	return x.redirect(x.site.origin.String() + ui.PathLogin + "?" + url.Values{paramTarget: {target}}.Encode())
}

// ready says whether an act may be done: it answers itself where it may not, or
// leads to the login where the proof of who acts is not of the last five minutes.
func (x *exchange) ready(d desk, a consoleAct, p *ui.ConsoleAct) (ok bool, err error) {
	on, err := a.about(x, d, p)
	if err != nil {
		return false, x.barred(err)
	}
	bar, err := d.May(x.r.Context(), a.deed, on)
	switch {
	case err != nil:
		return false, x.refuse(unavailable, err)
	case bar == authcore.BarStale:
		return false, x.freshLogin(*p)
	case bar != authcore.NoBar:
		return false, x.barred(&authcore.BarredError{Bar: bar})
	}
	return true, nil
}

// showAct asks to confirm an act.
func (x *exchange) showAct(a consoleAct) error {
	d, ok, err := x.desk()
	if !ok {
		return err
	}
	p := consoleForm(a.act, x.query)
	if ok, err := x.ready(d, a, &p); !ok {
		return err
	}
	return x.showDesk(http.StatusOK, d, a.act.Path(), consoleQuery(p), p)
}

// takeAct does what was confirmed.
func (x *exchange) takeAct(a consoleAct) error {
	f, problem, cause := x.form()
	if problem != nil {
		return x.refuse(*problem, cause)
	}
	d, ok, err := x.desk()
	if !ok {
		return err
	}
	if !x.genuine(f, string(d.session.ID)) {
		return x.refuse(expired, nil)
	}
	p := consoleForm(a.act, func(name string) string { return f[name] })
	if ok, err := x.ready(d, a, &p); !ok {
		return err
	}
	if p.Choosing {
		return x.showDesk(http.StatusOK, d, a.act.Path(), consoleQuery(p), p)
	}
	if a.codes {
		return x.lose(d, p)
	}
	notice, err := a.do(x, d, p)
	return x.done(d, p, notice, err)
}

// done says what became of an act.
func (x *exchange) done(d desk, p ui.ConsoleAct, notice ui.Notice, err error) error {
	bar, barred := errors.AsType[*authcore.BarredError](err)
	switch {
	case notice != ui.NoticeNone:
		p.Notice = notice
		return x.showDesk(http.StatusUnprocessableEntity, d, p.Act.Path(), consoleQuery(p), p)
	case err == nil:
		return x.backFrom(p, newsConsoleDone)
	case errors.Is(err, authcore.ErrAwaits):
		return x.backFrom(p, newsConsoleAwaits)
	case errors.Is(err, authcore.ErrOwnPending):
		return x.backFrom(p, newsConsoleOwn)
	case barred && bar.Bar == authcore.BarStale:
		return x.freshLogin(p)
	case barred:
		return x.barred(err)
	case refusedByState(err):
		return x.backFrom(p, newsConsoleState)
	}
	return x.refuse(unavailable, err)
}

// refusedByState reports what somebody else's act meanwhile, or the state of things,
// makes impossible.
func refusedByState(err error) bool {
	return slices.ContainsFunc([]error{
		authcore.ErrState, authcore.ErrAssigned, authcore.ErrTooManyKeys, authcore.ErrNotInStock, authcore.ErrNotFound, authcore.ErrTooManyDelegations, authcore.ErrHasKeys,
	}, func(target error) bool { return errors.Is(err, target) })
}

// backFrom leads to the page that an act was chosen on, and has it say what became of
// the act.
func (x *exchange) backFrom(p ui.ConsoleAct, news string) error {
	values := url.Values{paramNews: {news}}
	switch path := p.Back(); path {
	case ui.PathConsolePerson:
		values.Set(ui.FieldPerson, p.ID)
	case ui.PathConsoleStock:
		values.Set(ui.FieldEstablishment, p.Establishment)
	}
	return x.redirect(x.site.origin.String() + p.Back() + "?" + values.Encode())
}

// consoleCodes is how many emergency codes a referent gives.
const consoleCodes = 10

// lose declares a key lost and shows the codes.
func (x *exchange) lose(d desk, p ui.ConsoleAct) error {
	days, err := strconv.Atoi(p.Days)
	if err != nil || days < 1 || days > 31 {
		return x.done(d, p, ui.NoticeConsoleDays, nil)
	}
	order := authcore.EmergencyOrder{Codes: consoleCodes, Reason: p.Reason, For: time.Duration(days) * 24 * time.Hour}
	if order.Check() != nil {
		return x.done(d, p, ui.NoticeConsoleReason, nil)
	}
	codes, err := d.Lose(x.r.Context(), authcore.Serial(p.Serial), authcore.Identifier(p.ID), order)
	if err != nil {
		return x.done(d, p, ui.NoticeNone, err)
	}
	page := ui.ConsoleCodes{ID: p.ID, Name: p.Name, Serial: p.Serial, Codes: codes, Until: x.gate.Now().Add(order.For).Local()}
	return x.showDesk(http.StatusOK, d, ui.PathConsolePerson, url.Values{ui.FieldPerson: {p.ID}}, page)
}

// delegate opens an application to somebody for a time.
func (x *exchange) delegate(d desk, p ui.ConsoleAct) (ui.Notice, error) {
	until, err := peoplefile.ParseEnd(p.Until, time.Local)
	now := x.gate.Now()
	switch {
	case p.Reason == "" || len(p.Reason) > 200 || !plain(p.Reason):
		return ui.NoticeConsoleReason, nil
	case err != nil || !until.After(now):
		return ui.NoticeConsoleUntil, nil //nolint:nilerr // the notice says what is wrong with the date
	}
	err = d.Delegate(x.r.Context(), authcore.Identifier(p.ID), authcore.Delegation{Application: p.Application, Until: until, Reason: p.Reason})
	if errors.Is(err, authcore.ErrDelegation) {
		return ui.NoticeConsoleUntil, nil
	}
	return ui.NoticeNone, err
}
