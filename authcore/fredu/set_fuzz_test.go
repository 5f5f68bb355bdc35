package fredu

import (
	"encoding/json"
	"testing"
)

// FuzzChange: attributes that are taken from JSON are the same behind JSON.
func FuzzChange(f *testing.F) {
	for _, seed := range []string{`{}`, `{"rne":["0441234A$UAJ$PU$N$T3$LYC$340"]}`, `{"rne":"x"}`, `{"rne":[]}`, `{"rne":null}`, `{"title":"DIR","civilite":"M."}`, `{"datenaissance":"19700101"}`, `{"rne":{"a":1}}`, `{"x":1}`, `[]`, `{"title":["a","b"]}`, `{"fonctm":"\u0000"}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var c Change
		if json.Unmarshal(text, &c) != nil {
			return
		}
		var s Set
		s, err := s.Apply(c)
		if err != nil {
			return
		}
		written, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		var again Set
		if err := json.Unmarshal(written, &again); err != nil {
			t.Fatalf("%s: %v", written, err)
		}
		if rewritten, err := json.Marshal(again); err != nil || string(rewritten) != string(written) {
			t.Errorf("%s is %s behind JSON (%v)", written, rewritten, err)
		}
	})
}
