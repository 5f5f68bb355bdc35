package caddymodule

import (
	"errors"
	"net/http"
	"slices"

	"github.com/sesame-gateway/sesame/authcore"
	"github.com/sesame-gateway/sesame/ui"
)

func (x *exchange) showConsolePending() error {
	d, ok, err := x.desk()
	if !ok {
		return err
	}
	if d.office.Role != authcore.RoleOperator {
		return x.barred(&authcore.BarredError{Bar: authcore.BarRole})
	}
	all, err := x.gate.Pendings(x.r.Context())
	if err != nil {
		return x.refuse(unavailable, err)
	}
	p := ui.ConsolePending{Notice: consoleNews[x.query(paramNews)]}
	for _, w := range all {
		a, err := x.gate.Account(x.r.Context(), w.Holder)
		if err != nil && !errors.Is(err, authcore.ErrNotFound) {
			return x.refuse(unavailable, err)
		}
		p.Entries = append(p.Entries, ui.ConsoleWaiting{ID: string(w.ID), Waiting: viewWaiting(w, a)})
	}
	return x.showDesk(http.StatusOK, d, ui.PathConsolePending, nil, p)
}

// viewWaiting is what waits, and of whom, for a page.
func viewWaiting(w authcore.Pending, of authcore.Account) ui.Waiting {
	of.Identifier = w.Holder // who was removed meanwhile has no account
	v := ui.Waiting{
		Act: w.Act.String(), ID: string(w.Holder), Name: of.Name(), Serial: string(w.Serial), Passkey: w.Passkey, By: w.By, Until: w.Until.Local(),
	}
	if own, err := of.FindPasskey(w.Passkey); w.Passkey != "" && err == nil {
		v.Passkey = own.Name
	}
	switch w.Act {
	case authcore.PendingRole:
		v.Role, v.Scope = w.Office.Role.String(), slices.Concat(w.Office.Establishments, w.Office.Groups)
	case authcore.PendingRemoval:
		v.Keys = w.Keys.String()
	case authcore.PendingReturn, authcore.PendingRetire, authcore.PendingPasskey:
	}
	return v
}
