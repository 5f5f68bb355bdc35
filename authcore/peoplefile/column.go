package peoplefile

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"github.com/sesame-gateway/sesame/authcore/fredu"
	"github.com/sesame-gateway/sesame/authcore/internal/textfile"
)

// Column is what a column of a list says of people. The zero value is invalid.
type Column uint8

// The columns, with the first of their names in French and in English.
const (
	Identifier    Column = iota + 1 // identifiant, identifier
	GivenName                       // prénom, given name
	Surname                         // nom, surname
	Email                           // courriel, email
	Establishment                   // établissement, establishment: UAI
	Functions                       // fonctions, functions
	Groups                          // groupes, groups
	End                             // fin, end
	// What follows are the attributes of package fredu, by their names: OfAttribute.
)

// OfAttribute is the column of an attribute. Several values of one are separated
// by commas, as applications read them.
func OfAttribute(a fredu.Attribute) Column { return End + Column(a) }

// Columns is a set of columns: bit 1<<c is that of c.
type Columns uint32

// columnNames are the names of each column as canonical writes them, the ones for
// people to read first.
var columnNames = map[Column][]string{
	Identifier:    {"identifiant", "identifier", "id", "login", "username", "uid"},
	GivenName:     {"prénom", "given name", "first name"},
	Surname:       {"nom", "surname", "nom de famille", "last name", "family name"},
	Email:         {"courriel", "email", "mail", "mél", "adresse mail", "adresse de messagerie", "adresse électronique"},
	Establishment: {"établissement", "establishment", "uai", "rne", "code uai", "code rne"},
	Functions:     {"fonctions", "functions", "fonction", "function"},
	Groups:        {"groupes", "groups", "groupe", "group"},
	End:           {"fin", "end", "date de fin", "end date"},
}

// columnsByName gives the column of each name in its canonical form.
var columnsByName = func() map[string]Column {
	all := make(map[string]Column)
	for c, names := range columnNames {
		for _, name := range names {
			all[canonical(name)] = c
		}
	}
	for _, a := range fredu.Attributes() {
		all[canonical(a.String())] = OfAttribute(a)
	}
	return all
}()

// String gives the column's name in English.
func (c Column) String() string {
	if names := columnNames[c]; names != nil {
		return names[1]
	}
	if c > End && int(c-End) <= len(fredu.Attributes()) {
		return fredu.Attribute(c - End).String()
	}
	return fmt.Sprintf("unknown column %d", uint8(c))
}

// canonical brings a column's name into the form that is compared: in lower
// case, without accents, spaces, hyphens and underscores.
func canonical(name string) string {
	return strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) || unicode.IsSpace(r) || r == '-' || r == '_' {
			return -1
		}
		return unicode.ToLower(r)
	}, norm.NFD.String(name))
}

// readHeading reads the first line.
func readHeading(s textfile.Separator, line string) ([]Column, error) {
	names, err := s.Split(line)
	if err != nil {
		return nil, err
	}
	columns := make([]Column, 0, len(names))
	for i, name := range names {
		c, known := columnsByName[canonical(name)]
		switch {
		case !known:
			return nil, fmt.Errorf("column %d has the name %.40q, which is unknown: there are %s", i+1, name, knownColumns())
		case slices.Contains(columns, c):
			return nil, fmt.Errorf("two columns are %s", c)
		}
		columns = append(columns, c)
	}
	if !slices.Contains(columns, Identifier) {
		return nil, errors.New("no column is the identifier: the first line must name the columns, one of them identifiant or identifier")
	}
	return columns, nil
}

// knownColumns is the list for a sentence.
func knownColumns() string {
	names := make([]string, 0, len(columnNames))
	for c := Identifier; c <= End; c++ {
		names = append(names, columnNames[c][0]+" ("+columnNames[c][1]+")")
	}
	for _, a := range fredu.Attributes() {
		names = append(names, a.String())
	}
	return strings.Join(names, ", ")
}

// set takes what a cell says.
func (r *Record) set(c Column, cell string, zone *time.Location) (err error) {
	if err := plain(cell); err != nil {
		return err
	}
	switch c {
	case Identifier:
		r.Identifier = cell
	case GivenName:
		r.GivenName = cell
	case Surname:
		r.Surname = cell
	case Email:
		r.Email = cell
	case Establishment:
		r.Establishment = strings.ToUpper(cell)
	case Functions:
		r.Functions, err = values(cell)
	case Groups:
		r.Groups, err = values(cell)
	case End:
		r.End, err = ParseEnd(cell, zone)
	default:
		err = r.setAttribute(fredu.Attribute(c-End), cell)
	}
	return err
}

// setAttribute takes the values of an attribute.
func (r *Record) setAttribute(a fredu.Attribute, cell string) (err error) {
	var values []string
	switch {
	case cell == "":
	case a.Multiple():
		values = strings.Split(cell, ",")
	default:
		values = []string{cell}
	}
	for i := range values {
		values[i] = strings.TrimSpace(values[i])
	}
	if r.Attributes, err = r.Attributes.With(a, values...); errors.Unwrap(err) != nil {
		return errors.Unwrap(err) // without the name, which is the column's
	}
	return err
}

// values gives the values in a cell, which a bar or a comma separates: an
// application reads them separated by commas, so that none can hold one.
func values(cell string) (list []string, err error) {
	for v := range strings.FieldsFuncSeq(cell, func(r rune) bool { return r == '|' || r == ',' }) {
		v = strings.TrimSpace(v)
		if err := plain(v); err != nil {
			return nil, err
		}
		if v != "" && !slices.Contains(list, v) {
			list = append(list, v)
		}
	}
	return list, nil
}

// plain refuses a formula, and characters that were lost on the way.
func plain(text string) error {
	switch {
	case strings.ContainsRune(text, unicode.ReplacementChar):
		return errors.New("a character of it was lost when the file was written: save it as UTF-8")
	case text != "" && strings.ContainsRune("=+-@", rune(text[0])):
		return fmt.Errorf("it begins with %q, as a formula of a spreadsheet does; leave the cell empty where there is nothing", text[0])
	}
	return nil
}
