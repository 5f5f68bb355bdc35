package fredu

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// Values that stand in public applications and in their tests.
const (
	posting    = "0693045K$UAJ$PU$ADM$0693045K$T3$LP$320"
	college    = "0291101P$UAJ$PU$ENS$0291101P$T3$CLG$340"
	headship   = "0441550W$UAJ$PU$N$T3$CLG$340"
	delegation = "orioninserjeunes|/mdp/redirectionhub/redirect.jsp?applicationname=orioninserjeunes|03/03/2024|31/12/9999|cpizzagalli|FrEduRneResp=0693045K$UAJ$PU$N$T3$LP$320|rev-proxy-dmz-portail||"
	management = "01/09/2024$31/08/2027$075$805$ORIONINSERJEUNES"
)

func TestParse(t *testing.T) {
	p, err := ParsePosting(posting)
	if diff := cmp.Diff(Posting{"0693045K", "UAJ", "PU", "ADM", "0693045K", "T3", "LP", "320"}, p); err != nil || diff != "" {
		t.Errorf("posting: %v\n%s", err, diff)
	}
	r, err := ParseResponsibility(headship)
	if diff := cmp.Diff(Responsibility{"0441550W", "UAJ", "PU", "N", "T3", "CLG", "340"}, r); err != nil || diff != "" {
		t.Errorf("responsibility: %v\n%s", err, diff)
	}
	d, err := ParseDelegation(delegation)
	want := Delegation{
		Application: "orioninserjeunes", Resource: "/mdp/redirectionhub/redirect.jsp?applicationname=orioninserjeunes", From: 20240303, To: 99991231,
		By: "cpizzagalli", For: []string{"0693045K$UAJ$PU$N$T3$LP$320"}, Server: "rev-proxy-dmz-portail",
	}
	if diff := cmp.Diff(want, d); err != nil || diff != "" {
		t.Errorf("delegation: %v\n%s", err, diff)
	}
	m, err := ParseManagement(management)
	if diff := cmp.Diff(Management{20240901, 20270831, []string{"075", "805"}, "ORIONINSERJEUNES"}, m); err != nil || diff != "" {
		t.Errorf("management: %v\n%s", err, diff)
	}
}

// What is wrong is refused, and the sentence says what it is.
func TestRefused(t *testing.T) {
	swap := func(s, from, to string) string {
		if !strings.Contains(s, from) {
			t.Fatalf("%q does not hold %q", s, from)
		}
		return strings.Replace(s, from, to, 1)
	}
	tests := []struct {
		a       Attribute
		v, says string
	}{
		{Rne, "", "it has 1 fields separated by $, and not 8"},
		{Rne, posting + "$", "it has 9 fields"},
		{Rne, swap(posting, "0693045K", "0693045L"), `establishment: "0693045L" is no UAI`},
		{Rne, swap(posting, "0693045K", "693045K"), "is no UAI"},
		{Rne, swap(posting, "0693045K", "0693045k"), "is no UAI"},
		{Rne, swap(posting, "ADM$0693045K", "ADM$0693045I"), `unit: "0693045I" is no UAI`},
		{Rne, swap(posting, "PU", "PX"), `sector: "PX" is no sector: there are PU, PR`},
		{Rne, swap(posting, "ADM", "A,M"), "function: "},
		{Rne, swap(posting, "ADM", "A M"), "function: "},
		{Rne, swap(posting, "ADM", "É"), "function: "},
		{Rne, swap(posting, "ADM", ""), "function: it is empty"},
		{Rne, swap(posting, "ADM", strings.Repeat("A", 201)), "function: it is longer than 200 bytes"},
		{Rne, swap(posting, "ADM", "A\nM"), "function: "},
		{Rne, swap(posting, "T3", "3"), `level: "3" is no level`},
		{Rne, swap(posting, "320", "32"), "nature: "},
		{Rne, strings.Repeat("A", maxValue+1), "it is longer than 8192 bytes"},
		{RneResp, "x", "it has 1 fields"},
		{RneResp, posting, "it has 8 fields"},
		{RneResp, swap(headship, "$N$", "$Z$"), `activity: "Z" is no activity: there are N, A, F`},
		{RneResp, swap(headship, "0441550W", "0441550X"), "is no UAI"},
		{ResDel, strings.TrimSuffix(delegation, "|"), "it has 8 fields separated by |, and not 9"},
		{ResDel, delegation + "x", "what follows the last bar: there must be nothing"},
		{ResDel, swap(delegation, "03/03/2024", "30/02/2024"), `begin: "30/02/2024" is no day`},
		{ResDel, swap(delegation, "03/03/2024", "3/3/2024"), "is no day"},
		{ResDel, swap(delegation, "03/03/2024", "2024-03-03"), "is no day"},
		{ResDel, swap(delegation, "31/12/9999", "02/03/2024"), "it ends on 02/03/2024, before it begins on 03/03/2024"},
		{ResDel, swap(delegation, "31/12/9999", ""), "end: "},
		{ResDel, swap(delegation, "FrEduRneResp=", "FrEduRne="), "do not begin with FrEduRneResp="},
		{ResDel, swap(delegation, "FrEduRneResp=0693045K", "FrEduRneResp=0693045L"), "is no UAI"},
		{ResDel, swap(delegation, "FrEduRneResp=", "FrEduRneResp=;"), `the establishment ""`},
		{ResDel, swap(delegation, "cpizzagalli", "c,p"), "who delegates: "},
		{ResDel, swap(delegation, "cpizzagalli", "c\x00p"), "who delegates: "},
		{ResDel, swap(delegation, "/mdp", "/é"), "resource: "},
		{GestResp, "01/09/2024$31/08/2027", "it has 2 fields"},
		{GestResp, swap(management, "075", "0,5"), "holds a comma"},
		{GestResp, swap(management, "ORIONINSERJEUNES", ""), "application: it is empty"},
		{GestResp, swap(management, "2027", "2023"), "before it begins"},
		{GestResp, strings.Repeat("$", maxValue+1), "longer than 8192 bytes"},
		{FonctAdm, "DIR,ADJ", "is no code"},
		{FonctAdm, "", "it is empty"},
		{Academy, "17", "three digits, such as 017"},
		{Title, "a\r\nb", "control character"},
		{Title, "a\xff", "not valid UTF-8"},
		{Title, "a\u2028b", "control character"},
		{Title, strings.Repeat("é", 101), "longer than 200 bytes"},
		{Title, "", "it is empty"},
	}
	for _, tt := range tests {
		_, err := Set{}.With(tt.a, tt.v)
		if err == nil || !strings.Contains(err.Error(), tt.says) || !strings.HasPrefix(err.Error(), tt.a.String()+": ") {
			t.Errorf("%s %.60q: %v; want a sentence with %q", tt.a, tt.v, err, tt.says)
		}
	}
}

// grammars is what each grammar makes of a value.
var grammars = map[Attribute]func(string) (fmt.Stringer, error){
	Rne:      func(s string) (fmt.Stringer, error) { return ParsePosting(s) },
	RneResp:  func(s string) (fmt.Stringer, error) { return ParseResponsibility(s) },
	ResDel:   func(s string) (fmt.Stringer, error) { return ParseDelegation(s) },
	GestResp: func(s string) (fmt.Stringer, error) { return ParseManagement(s) },
}

// checkPrints asserts that what is parsed prints as it was and can stand in a
// header line among others.
func checkPrints(t interface{ Errorf(string, ...any) }, s string) (parsed int) {
	for a, parse := range grammars {
		v, err := parse(s)
		if err != nil {
			continue
		}
		parsed++
		if got := v.String(); got != s {
			t.Errorf("%s %q prints as %q", a, s, got)
		}
		if strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' || r == ',' }) {
			t.Errorf("%s takes %q", a, s)
		}
	}
	return parsed
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{posting, college, headship, delegation, management, "X", "$$$$$$$", "||01/01/2024|01/01/2024|||||", "01/09/2024$31/08/2027$",
		"a||29/02/2024|01/03/2024||FrEduRneResp=X;" + headship + "|||"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) { checkPrints(t, s) })
}

// genUAI draws an establishment's number.
var genUAI = rapid.Custom(func(t *rapid.T) string {
	n := rapid.IntRange(0, 9_999_999).Draw(t, "number")
	return fmt.Sprintf("%07d%c", n, "ABCDEFGHJKLMNPRSTUVWXYZ"[n%23])
})

var genWord = rapid.StringMatching(`[!-+\--:<-{}~#%-+]{1,12}`).Filter(func(s string) bool { return word(s) == nil })

func genHeadship(t *rapid.T) string {
	return strings.Join([]string{
		genUAI.Draw(t, "UAI"), genWord.Draw(t, "type"), rapid.SampledFrom([]string{"PU", "PR"}).Draw(t, "sector"),
		rapid.SampledFrom([]string{"N", "A", "F"}).Draw(t, "activity"), fmt.Sprintf("T%d", rapid.IntRange(0, 9).Draw(t, "level")),
		genWord.Draw(t, "kind"), fmt.Sprintf("%03d", rapid.IntRange(0, 999).Draw(t, "nature")),
	}, "$")
}

func genDay(t *rapid.T, after int) (string, int) {
	n := rapid.IntRange(after, 2_900_000).Draw(t, "day")
	return time.Date(1900, 1, 1+n, 0, 0, 0, 0, time.UTC).Format("02/01/2006"), n
}

// Every value that the grammar allows is parsed, and prints as it was.
func TestEveryValuePrints(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := genHeadship(t)
		f := strings.Split(h, "$")
		from, day := genDay(t, 0)
		to, _ := genDay(t, day)
		schools := ""
		if n := rapid.IntRange(0, 3).Draw(t, "schools"); n > 0 {
			schools = "FrEduRneResp=" + strings.Join([]string{h, genHeadship(t), "X"}[:n], ";")
		}
		free := rapid.StringMatching(`[ -+\--{}~]{0,20}`)
		for _, s := range []string{
			h,
			strings.Join([]string{f[0], f[1], f[2], genWord.Draw(t, "function"), genUAI.Draw(t, "unit"), f[4], f[5], f[6]}, "$"),
			strings.Join([]string{genWord.Draw(t, "application"), free.Draw(t, "resource"), from, to, free.Draw(t, "by"), schools, free.Draw(t, "server"), free.Draw(t, "value"), ""}, "|"),
			strings.Join([]string{from, to, strings.ReplaceAll(free.Draw(t, "between"), "$", ""), genWord.Draw(t, "application")}, "$"),
		} {
			if checkPrints(t, s) == 0 {
				t.Errorf("%q is refused", s)
			}
		}
	})
}

func TestDate(t *testing.T) {
	paris := time.FixedZone("CEST", 2*3600)
	if got := DateOf(time.Date(2026, 8, 31, 22, 30, 0, 0, time.UTC).In(paris)); got != 20260901 {
		t.Errorf("the day in Paris is %d", got)
	}
	for _, s := range []string{"01/01/0001", "29/02/2024", "31/12/9999"} {
		if d, err := ParseDate(s); err != nil || d.String() != s {
			t.Errorf("%s: %s, %v", s, d, err)
		}
	}
	for _, s := range []string{"", "01/01/0000", "29/02/2023", "1/1/2024", "31/12/99999", "31.12.2024", "31/12/24", " 31/12/2024"} {
		if d, err := ParseDate(s); err == nil || d != 0 {
			t.Errorf("%q is %d", s, d)
		}
	}
}

func TestValidUAI(t *testing.T) {
	for _, s := range []string{"0441550W", "0693045K", "0291101P", "0000000A"} {
		if !ValidUAI(s) {
			t.Errorf("%s is refused", s)
		}
	}
	for _, s := range []string{"", "0441550V", "0441550w", "0441550", "04415500W", "044155OW", "0000001I", "٠٤٤١٥٥٠W"} {
		if ValidUAI(s) {
			t.Errorf("%s is taken", s)
		}
	}
}
