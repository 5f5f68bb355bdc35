package states

import (
	"time"

	"github.com/sesame-gateway/sesame/ui"
)

// Sheet is one hand-over sheet as somebody gets it.
type Sheet struct {
	Name  string
	Sheet ui.Sheet // without Lang
}

// Sheets lists the sheets that there may be: with as little on them as possible,
// with everything, and with texts as long as they come.
func Sheets() []Sheet {
	made := time.Date(2026, 9, 1, 9, 58, 20, 0, paris)
	least := ui.Sheet{Identifier: "jdupont", Serial: "0123456789", Min: 4, Max: 8, Date: made, PortalURL: "https://portail.example.org"}
	all := least
	all.Name, all.Establishment, all.Activation, all.Contact = "Jeanne Dupont", "0441550W", true, contact
	long := all
	long.Name = "Marie-Charlotte-Élisabeth de La Rochefoucauld-Montmorency"
	long.Identifier = "marie-charlotte-elisabeth.de-la-rochefoucauld-montmorency@acad.fr"
	long.Serial, long.Digits, long.Min, long.Max, long.Demo = "ABCD-0123456789-0123456789-0123456789-XY", 8, 6, 6, true
	long.PortalURL = "https://portail-des-applications-historiques.academie.example.org:8443"
	long.Contact.Name = "Plateforme d’assistance informatique de l’académie et de la région académique"
	return []Sheet{{"least", least}, {"all", all}, {"long", long}}
}

// In returns the sheet in a language.
func (s Sheet) In(l ui.Lang) ui.Sheet {
	sheet := s.Sheet
	sheet.Lang = l
	return sheet
}
