package caddymodule

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sesame-gateway/sesame/authcore"
	"github.com/sesame-gateway/sesame/authcore/peoplefile"
)

// list sends a list of people and wants a status.
func (b *adminBench) list(query, file string, status int) peopleReport {
	b.t.Helper()
	var r peopleReport
	b.want(b.ask(http.MethodPost, "/sesame/users/import"+query, file, "Content-Type: text/csv"), status, &r)
	return r
}

// people are the identifiers of everybody, those who are disabled with a mark.
func (b *adminBench) people() (ids []string) {
	b.t.Helper()
	all, err := b.gate.Accounts(b.t.Context(), "", 0)
	b.must(err)
	for _, a := range all {
		id := string(a.Identifier)
		if a.Disabled {
			id += "!"
		}
		ids = append(ids, id)
	}
	return ids
}

func TestAdminImportPeople(t *testing.T) {
	b := newAdminBench(t)
	b.person(authcore.Account{Identifier: "jdupont", Surname: "Dupont", Email: "jd@ac-exemple.fr", Groups: []string{"a"}}, "FT1")
	b.person(authcore.Account{Identifier: "absent"}, "")
	const file = "identifiant;nom;groupes;fin\njdupont;Durand;b|a;\nMMARTIN;Martin;;31/07/2027\n"
	steps := []authcore.Step{
		{Kind: authcore.StepChange, Holder: "jdupont", Differences: []authcore.Difference{{Field: authcore.FieldSurname, From: "Dupont", To: "Durand"}, {Field: authcore.FieldGroups, From: "a", To: "a,b"}}},
		{Kind: authcore.StepAdd, Holder: "mmartin", Differences: []authcore.Difference{{Field: authcore.FieldSurname, To: "Martin"}, {Field: authcore.FieldEnd, To: endOf(2027, 7, 31)}}},
	}
	dry := b.list("?dry_run=true", file, http.StatusOK)
	want := peopleReport{DryRun: true, Plan: dry.Plan, Here: 2, Added: 1, Changed: 1, Absent: 1, Steps: steps, Problems: []peopleProblem{}}
	if diff := cmp.Diff(want, dry); diff != "" {
		t.Errorf("dry run (-want +got):\n%s", diff)
	}
	if got := b.people(); !slices.Equal(got, []string{"absent", "jdupont"}) {
		t.Errorf("after a dry run there are %q", got)
	}
	done := b.list("?plan="+dry.Plan, file, http.StatusOK)
	want.DryRun, want.Applied = false, 2
	if diff := cmp.Diff(want, done); diff != "" {
		t.Errorf("import (-want +got):\n%s", diff)
	}
	var u userView
	b.want(b.ask(http.MethodGet, "/sesame/users/jdupont", ""), http.StatusOK, &u)
	if u.Surname != "Durand" || u.Email != "jd@ac-exemple.fr" || len(u.Keys) != 1 {
		t.Errorf("jdupont is now %+v", u)
	}
	if again := b.list("", file, http.StatusOK); again.Unchanged != 2 || again.Applied != 0 {
		t.Errorf("once more: %+v", again)
	}
	b.list("?absent=disable", file, http.StatusOK)
	if got := b.people(); !slices.Equal(got, []string{"absent!", "jdupont", "mmartin"}) {
		t.Errorf("with absent=disable there are %q", got)
	}
	if back := b.list("", "id\nabsent\n", http.StatusOK); back.Shut != 1 || back.Unchanged != 1 {
		t.Errorf("somebody disabled who is on the list: %+v", back)
	}
	b.list("?absent=remove&keys=return", "id\nmmartin\n", http.StatusOK)
	if got := b.people(); !slices.Equal(got, []string{"mmartin"}) {
		t.Errorf("with absent=remove there are %q", got)
	}
}

// endOf is the end of a day here, as a plan has it.
func endOf(year, month, day int) string {
	at, err := readEnd(fmt.Sprintf("%04d-%02d-%02d", year, month, day))
	if err != nil {
		panic(err)
	}
	return authcore.Account{}.Differences(authcore.Account{End: at})[0].To
}

// A plan that is not the one shown is refused and shown.
func TestAdminImportPeopleChanged(t *testing.T) {
	b := newAdminBench(t)
	b.person(authcore.Account{Identifier: "jdupont", Surname: "Dupont"}, "")
	const file = "id;nom\njdupont;Durand\n"
	dry := b.list("?dry_run=true", file, http.StatusOK)
	b.want(b.patch("/sesame/users/jdupont", `{"surname":"Dubois"}`), http.StatusOK, nil)
	r := b.list("?plan="+dry.Plan, file, http.StatusConflict)
	if r.Plan == dry.Plan || r.Applied != 0 || len(r.Steps) != 1 || r.Steps[0].Differences[0].From != "Dubois" || !r.changed() {
		t.Errorf("another plan: %+v", r)
	}
	if r := b.list("?absent=disable&plan="+r.Plan, file, http.StatusConflict); !r.changed() {
		t.Errorf("the same list with another fate of who is absent: %+v", r)
	}
	b.list("?plan="+r.Plan, file, http.StatusOK)
}

// A list that would shut out many is refused unless it is forced.
func TestAdminImportPeopleSweeping(t *testing.T) {
	b := newAdminBench(t)
	for i := range 12 {
		b.person(authcore.Account{Identifier: authcore.Identifier(fmt.Sprintf("p%02d", i))}, "")
	}
	for _, absent := range []string{"disable", "remove"} {
		if dry := b.list("?dry_run=true&absent="+absent, "id\np00\n", http.StatusOK); !dry.Sweeping {
			t.Errorf("a dry run that would %s 11 of 12 does not say that this is much", absent)
		}
		r := b.list("?absent="+absent, "id\np00\n", http.StatusConflict)
		if r.Error != "nothing was imported: 11 of 12 people would be shut out or removed, more than a fifth: if this is the right list, --force takes it nevertheless (over HTTP force=true)" {
			t.Errorf("%s: %s", absent, r.Error)
		}
	}
	if n := len(b.people()); n != 12 || len(b.events(authcore.AccountChanged, authcore.AccountRemoved)) > 0 {
		t.Errorf("%d people are left", n)
	}
	if r := b.list("?absent=remove&force=true", "id\np00\n", http.StatusOK); r.Applied != 11 {
		t.Errorf("with force: %+v", r)
	}
}

// A list with something wrong in it is refused as a whole, line by line.
func TestAdminImportPeopleRefused(t *testing.T) {
	b := newAdminBench(t)
	b.person(authcore.Account{Identifier: "jdupont"}, "FT1")
	r := b.list("", "identifiant;nom;uai\nnew;New;\njo hn;x;\n7294123456;x;\nok;=x;\nother;x;0441550X\n", http.StatusUnprocessableEntity)
	want := []peopleProblem{
		{3, "jo hn", authcore.ErrIdentifierShape.Error()},
		{4, "", authcore.ErrIdentifierIsPasscode.Error()},
		{5, "ok", "surname: it begins with '=', as a formula of a spreadsheet does; leave the cell empty where there is nothing"},
		{6, "other", `the establishment of other, "0441550X", is no UAI: seven digits and the letter that checks them`},
	}
	if diff := cmp.Diff(want, r.Problems); diff != "" || r.Error != "nothing was imported: 4 lines are refused" || r.Plan != "" {
		t.Errorf("%s (-want +got):\n%s", r.Error, diff)
	}
	r = b.list("?absent=remove", "id\nnew\n", http.StatusConflict)
	if len(r.Steps) != 2 || r.Steps[1].Problem != "jdupont: this person has keys: FT1" || !strings.HasPrefix(r.Error, "nothing was imported: 1 person to remove cannot be") {
		t.Errorf("somebody with a key: %+v", r)
	}
	many := "id\n" + strings.Repeat("jo hn\n", maxProblems+5)
	if r := b.list("", many, http.StatusUnprocessableEntity); len(r.Problems) != maxProblems || r.MoreProblems != 5 || r.Refused != maxProblems+5 {
		t.Errorf("%d problems, %d more, %d in all", len(r.Problems), r.MoreProblems, r.Refused)
	}
	if got := b.people(); !slices.Equal(got, []string{"jdupont"}) {
		t.Errorf("there are %q", got)
	}
	const path = "/sesame/users/import"
	for _, c := range []struct {
		query, file, header string
		status              int
		says                string
	}{
		{"", "nom\nx\n", "Content-Type: text/csv", 422, "nothing was imported: line 1: no column is the identifier"},
		{"", "id;téléphone\nx;1\n", "Content-Type: text/csv", 422, "which is unknown: there are identifiant"},
		{"", "", "Content-Type: text/csv", 422, "there is nobody in the file"},
		{"", "id\nx\n", "Content-Type: text/plain", 415, "text/csv or application/octet-stream"},
		{"", "id\n" + strings.Repeat("\n", peoplefile.MaxBytes), "Content-Type: text/csv", 413, "the file is too large"},
		{"?absent=forget", "id\nx\n", "Content-Type: text/csv", 400, "absent is keep, disable or remove"},
		{"?keys=forget", "id\nx\n", "Content-Type: text/csv", 400, "keys is keep, retire or return"},
		{"?force=perhaps", "id\nx\n", "Content-Type: text/csv", 400, "force is true or false"},
		{"?dry_run=perhaps", "id\nx\n", "Content-Type: text/csv", 400, "dry_run is true or false"},
	} {
		if a := b.ask(http.MethodPost, path+c.query, c.file, c.header); a.status != c.status || !strings.Contains(a.error(), c.says) {
			t.Errorf("%s of %.20q: %d %s; want %d …%s…", c.query, c.file, a.status, a.error(), c.status, c.says)
		}
	}
	if a := peopleRefusal(fmt.Errorf("x: %w", errors.New("y"))); !strings.Contains(a.Error(), "nothing was imported: x: y") {
		t.Errorf("%v", a)
	}
}

// However many steps there are, a report lists the first thousand.
func TestPeopleReportIsBounded(t *testing.T) {
	b := newAdminBench(t)
	var file strings.Builder
	file.WriteString("id\n")
	for i := range maxProblems + 7 {
		fmt.Fprintf(&file, "p%d\n", i)
	}
	r := b.list("?dry_run=true", file.String(), http.StatusOK)
	if len(r.Steps) != maxProblems || r.MoreSteps != 7 || r.Added != maxProblems+7 {
		t.Errorf("%d steps, %d more, of %d", len(r.Steps), r.MoreSteps, r.Added)
	}
}
