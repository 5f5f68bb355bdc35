package caddymodule

import (
	"encoding/csv"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/sesame-gateway/sesame/authcore"
	"github.com/sesame-gateway/sesame/ui"
)

// stockKey is a key of an establishment, as the API and the list of the console have
// it.
type stockKey struct {
	Serial     authcore.Serial     `json:"serial"`
	Place      authcore.Place      `json:"place"`
	Holder     authcore.Identifier `json:"holder,omitempty"`
	State      authcore.State      `json:"state"`
	Received   time.Time           `json:"received,omitzero"`
	Assigned   time.Time           `json:"assigned,omitzero"`
	HandedOver time.Time           `json:"handed_over,omitzero"`
	Returned   time.Time           `json:"returned,omitzero"`
	Expires    time.Time           `json:"expires,omitzero"`
	Expiring   bool                `json:"expiring"` // before the next school year
}

// stockList is the answer to GET /sesame/stock/{establishment}.
type stockList struct {
	Establishment string     `json:"establishment"`
	SchoolYear    time.Time  `json:"school_year"` // the beginning of the next one
	Keys          []stockKey `json:"keys"`
}

// viewStock puts an establishment's keys together.
func viewStock(uai string, keys []authcore.KeyInfo, now time.Time) stockList {
	year := authcore.NextSchoolYear(now.Local())
	list := stockList{Establishment: uai, SchoolYear: year, Keys: make([]stockKey, 0, len(keys))}
	for _, k := range keys {
		end := keyEnd(k)
		list.Keys = append(list.Keys, stockKey{
			Serial: k.Serial, Place: k.Place(), Holder: k.Holder, State: k.State, Received: k.Received, Assigned: k.Assigned,
			HandedOver: k.HandedOver, Returned: k.Returned, Expires: end, Expiring: !end.IsZero() && end.Before(year) && k.State != authcore.Retired,
		})
	}
	return list
}

// showStock answers with the keys of an establishment.
func showStock(c *adminCall) (any, error) {
	uai := c.PathValue("establishment")
	if !authcore.ValidUAI(uai) {
		return nil, adminRefusal(http.StatusBadRequest, "establishment is a UAI: seven digits and the letter that checks them")
	}
	keys, err := c.gate.StockOf(c.Context(), uai)
	return viewStock(uai, keys, c.gate.Now()), err
}

// writeCSV writes the list as spreadsheets of this country read it: cells parted by
// semicolons, in UTF-8.
func (l stockList) writeCSV(to io.Writer) error {
	w := csv.NewWriter(to)
	w.Comma = ';'
	_ = w.Write([]string{"establishment", "serial", "place", "holder", "received", "assigned", "handed over", "returned", "expires", "expires before the next school year"}) // Flush tells
	for _, k := range l.Keys {
		expiring := "no"
		if k.Expiring {
			expiring = "yes"
		}
		cells := []string{l.Establishment, string(k.Serial), k.Place.String(), string(k.Holder), day(k.Received), day(k.Assigned), day(k.HandedOver), day(k.Returned), day(k.Expires), expiring}
		for i := range cells {
			cells[i] = defused(cells[i])
		}
		_ = w.Write(cells) // likewise
	}
	w.Flush()
	return w.Error()
}

func day(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return at.Local().Format(time.DateOnly)
}

// defused is a cell that no spreadsheet takes for a formula, whoever chose what
// stands in it (CWE-1236).
func defused(cell string) string {
	if cell != "" && strings.ContainsAny(cell[:1], "=+-@\t\r") {
		return "'" + cell
	}
	return cell
}

// stock reads the keys of the establishment that a page of the console is about.
func (x *exchange) stock() (d desk, list stockList, ok bool, err error) {
	if d, ok, err = x.desk(); !ok {
		return d, list, false, err
	}
	uai := x.query(ui.FieldEstablishment)
	if scope := x.gate.Scope(d.office); uai == "" && len(scope) > 0 {
		uai = scope[0]
	}
	if !authcore.ValidUAI(uai) {
		return d, list, false, x.refuse(notFound, nil)
	}
	keys, err := d.Stock(x.r.Context(), uai)
	if err != nil {
		return d, list, false, x.barred(err)
	}
	return d, viewStock(uai, keys, x.gate.Now()), true, nil
}

func (x *exchange) showConsoleStock() error {
	d, list, ok, err := x.stock()
	if !ok {
		return err
	}
	p := ui.ConsoleStock{Establishment: list.Establishment, Year: list.SchoolYear, Notice: consoleNews[x.query(paramNews)]}
	for _, other := range x.gate.Scope(d.office) {
		if other != list.Establishment {
			p.Scope = append(p.Scope, other)
		}
	}
	for _, k := range list.Keys {
		p.Keys = append(p.Keys, ui.ConsoleStockKey{
			Serial: string(k.Serial), Holder: string(k.Holder), Place: k.Place.String(), Expires: k.Expires.Local(), Expiring: k.Expiring,
			Receive: k.Place == authcore.PlaceSent && d.office.Role != authcore.RoleAuditor,
		})
	}
	return x.showDesk(http.StatusOK, d, ui.PathConsoleStock, x.values(ui.FieldEstablishment), p)
}

// showConsoleStockCSV gives the list as a file.
func (x *exchange) showConsoleStockCSV() error {
	_, list, ok, err := x.stock()
	if !ok {
		return err
	}
	x.protect(bareCSP)
	h := x.w.Header()
	h.Set("Content-Type", "text/csv; charset=utf-8")
	h.Set("Content-Disposition", `attachment; filename="stock-`+list.Establishment+`.csv"`)
	x.w.WriteHeader(http.StatusOK)
	_, _ = io.WriteString(x.w, "\ufeff") // without it spreadsheets take UTF-8 for Windows-1252
	_ = list.writeCSV(x.w)               // a client that has left cannot be told
	return nil
}
