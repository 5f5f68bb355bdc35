package fredu

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// with is a set that must be possible.
func with(t *testing.T, s Set, a Attribute, values ...string) Set {
	t.Helper()
	s, err := s.With(a, values...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// A set is a value: what is made of it leaves it as it was.
func TestSet(t *testing.T) {
	empty := Set{}
	values := []string{posting, college}
	one := with(t, empty, Rne, values...)
	values[0] = "changed behind its back"
	two := with(t, one, RneResp, NoResponsibility)
	three := with(t, two, Rne, college)
	none := with(t, with(t, three, Rne), RneResp)
	if !empty.IsZero() || one.IsZero() || !none.IsZero() {
		t.Error("what is empty")
	}
	if diff := cmp.Diff([]string{posting, college}, two.Values(Rne)); diff != "" {
		t.Error(diff)
	}
	if three.Value(Rne) != college || three.Value(RneResp) != "X" || three.Value(Title) != "" || three.Values(Title) != nil {
		t.Errorf("%v", three.values)
	}
	_ = append(one.Values(Rne), "x")
	if !with(t, empty, Rne, posting, college).Equal(one) || one.Equal(two) || one.Equal(empty) || !none.Equal(empty) {
		t.Error("what is equal")
	}
	if with(t, empty, Rne, college, posting).Equal(one) {
		t.Error("another order is equal: the first is where somebody belongs")
	}
}

func TestSetRefuses(t *testing.T) {
	many := make([]string, 0, MaxValues+1)
	for i := range MaxValues + 1 {
		many = append(many, fmt.Sprintf("01/01/2024$31/12/2024$%d$APP", i))
	}
	long := make([]string, 0, 20)
	for i := range 20 {
		long = append(long, fmt.Sprintf("01/01/2024$31/12/2024$%s%d$APP", strings.Repeat("x", 4000), i))
	}
	for _, tt := range []struct {
		a      Attribute
		values []string
		says   string
	}{
		{Title, []string{"a", "b"}, "title: there are 2 values, and one at most"},
		{RneResp, []string{headship, "X"}, "stands alone"},
		{Rne, []string{posting, posting}, "stands there twice"},
		{GestResp, many, "there are 501 values, and 500 at most"},
		{GestResp, long, "and 49152 at most can be kept"},
		{0, []string{"x"}, "unknown attribute 0"},
		{99, nil, "unknown attribute 99"},
	} {
		got, err := Set{}.With(tt.a, tt.values...)
		if err == nil || !strings.Contains(err.Error(), tt.says) || !got.IsZero() {
			t.Errorf("%s: %v; want %q", tt.a, err, tt.says)
		}
	}
	// Each fits, both together do not: what takes one from elsewhere asks.
	first, second := with(t, Set{}, GestResp, long[:10]...), with(t, Set{}, GestResp)
	delegations := make([]string, 0, 10)
	for i := range 10 {
		delegations = append(delegations, fmt.Sprintf("a|%s%d|01/01/2024|01/01/2024|||||", strings.Repeat("x", 4000), i))
	}
	second = with(t, second, ResDel, delegations...)
	if err := first.Like(second, ResDel).Bounded(); err == nil || first.Bounded() != nil || second.Bounded() != nil {
		t.Errorf("80 KiB together: %v", err)
	}
}

// A delegation is in force on its first day, on its last, and in between.
func TestOn(t *testing.T) {
	open := strings.Replace(delegation, "orion", "open", 1)
	short := strings.Replace(delegation, "31/12/9999", "30/06/2024", 1)
	s := with(t, with(t, Set{}, Rne, posting), ResDel, short, open)
	s = with(t, s, GestResp, management)
	for _, tt := range []struct {
		day      Date
		del, man []string
	}{
		{20240302, nil, nil},
		{20240303, []string{short, open}, nil},
		{20240630, []string{short, open}, nil},
		{20240701, []string{open}, nil},
		{20240901, []string{open}, []string{management}},
		{20270831, []string{open}, []string{management}},
		{20270901, []string{open}, nil},
	} {
		got := s.On(tt.day)
		if diff := cmp.Diff([][]string{{posting}, tt.del, tt.man}, [][]string{got.Values(Rne), got.Values(ResDel), got.Values(GestResp)}); diff != "" {
			t.Errorf("on %s (-want +got):\n%s", tt.day, diff)
		}
	}
	if len(s.Values(ResDel)) != 2 || len(s.Values(GestResp)) != 1 {
		t.Error("the set itself was changed")
	}
}

// What a store has that can no longer be read is never in force.
func TestOnUnreadable(t *testing.T) {
	var s Set
	if err := json.Unmarshal([]byte(`{"FrEduResDel":["x"],"FrEduGestResp":["y"],"title":"DIR"}`), &s); err != nil {
		t.Fatal(err)
	}
	if got := s.On(20260901); got.Values(ResDel) != nil || got.Values(GestResp) != nil || got.Value(Title) != "DIR" {
		t.Errorf("in force: %v", got.values)
	}
}

func TestJSON(t *testing.T) {
	s := with(t, with(t, with(t, Set{}, Rne, posting), RneResp, "X"), Title, "Proviseure")
	b, err := json.Marshal(struct {
		A Set `json:"a,omitzero"`
		B Set `json:"b,omitzero"`
	}{A: s})
	want := `{"a":{"FrEduRne":["` + posting + `"],"FrEduRneResp":["X"],"title":"Proviseure"}}`
	if err != nil || string(b) != want {
		t.Fatalf("%s, %v\nwant %s", b, err, want)
	}
	var back struct{ A Set }
	if err := json.Unmarshal(b, &back); err != nil || !back.A.Equal(s) {
		t.Errorf("read back: %v, %v", back.A.values, err)
	}
	for _, bad := range []string{`{"a":{"colour":"red"}}`, `{"a":{"title":""}}`, `{"a":{"title":7}}`, `{"a":{"title":[1]}}`, `{"a":[]}`} {
		if err := json.Unmarshal([]byte(bad), &back); err == nil {
			t.Errorf("%s is read", bad)
		}
	}
}

func TestApply(t *testing.T) {
	s := with(t, with(t, Set{}, Rne, posting), Title, "Proviseure")
	var c Change
	if err := json.Unmarshal([]byte(`{"fredurne":["`+college+`"],"title":"","FREDURNERESP":"X","grade":null,"codaca":"017"}`), &c); err != nil {
		t.Fatal(err)
	}
	got, err := s.Apply(c)
	want := with(t, with(t, with(t, Set{}, Rne, college), RneResp, "X"), Academy, "017")
	if err != nil || !got.Equal(want) {
		t.Errorf("%v, %v", got.values, err)
	}
	if _, err := s.Apply(Change{Title: {"a\nb"}, Rne: {"x"}}); err == nil || !strings.HasPrefix(err.Error(), "FrEduRne: ") {
		t.Errorf("the first wrong one: %v", err)
	}
}

func TestAttributes(t *testing.T) {
	var names []string
	for _, a := range Attributes() {
		names = append(names, a.String())
		text, err := a.MarshalText()
		var back Attribute
		if err != nil || back.UnmarshalText([]byte(strings.ToUpper(string(text)))) != nil || back != a {
			t.Errorf("%s reads back as %s", a, back)
		}
	}
	want := strings.Fields("FrEduRne FrEduRneResp FrEduResDel FrEduGestResp FrEduFonctAdm codaca title grade discipline fonctm typensi employeeNumber datenaissance civilite codecivilite")
	if !slices.Equal(names, want) {
		t.Errorf("the attributes are %q", names)
	}
	if _, err := Attribute(0).MarshalText(); err == nil {
		t.Error("the zero attribute has a name")
	}
	var a Attribute
	if err := a.UnmarshalText([]byte("colour")); err == nil || !strings.Contains(err.Error(), "FrEduRne, ") || a != 0 {
		t.Errorf("%v", err)
	}
	if Rne.Staff() || FonctAdm.Staff() || !Title.Staff() || !CivilityCode.Staff() || Attribute(0).Staff() || Title.Multiple() || !GestResp.Multiple() {
		t.Error("what is for applications that ask only")
	}
}

func BenchmarkSetFromRecord(b *testing.B) {
	values := make([]string, 0, 300)
	for i := range 300 {
		values = append(values, fmt.Sprintf("%07d%c$UAJ$PU$ADM$0693045K$T3$LP$320", i, "ABCDEFGHJKLMNPRSTUVWXYZ"[i%23]))
	}
	s, err := Set{}.With(Rne, values...)
	if err != nil {
		b.Fatal(err)
	}
	record, err := json.Marshal(s)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		var s Set
		if err := json.Unmarshal(record, &s); err != nil {
			b.Fatal(err)
		}
	}
}
