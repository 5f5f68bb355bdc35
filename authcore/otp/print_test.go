package otp

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"testing"
)

// shows tells in which spelling a text contains the seed, "" if in none.
func shows(text string, seed []byte) string {
	for name, spelling := range map[string]string{
		"bytes":   string(seed),
		"hex":     hex.EncodeToString(seed),
		"base64":  base64.StdEncoding.EncodeToString(seed),
		"decimal": strings.Trim(fmt.Sprint(seed), "[]"),
		"Go":      strings.TrimSuffix(strings.TrimPrefix(fmt.Sprintf("%#v", seed), "[]byte{"), "}"),
	} {
		if strings.Contains(strings.ToLower(text), strings.ToLower(spelling)) {
			return name
		}
	}
	return ""
}

func TestNoVerbShowsTheSeed(t *testing.T) {
	g := totpKey()
	g.Serial = "2600215704919"
	type key struct{ Generator Generator }
	values := []any{g, &g, key{g}, &key{g}, []Generator{g}, map[string]Generator{"k": g}, [1]*Generator{&g}}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "% x", "%d", "%T", "%o", "%U", "%10.3v"} {
		for _, v := range values {
			if spelling := shows(fmt.Sprintf(verb, v), g.Seed); spelling != "" {
				t.Errorf("%s of a %T shows the seed (%s)", verb, v, spelling)
			}
		}
	}
	if text := fmt.Sprint(g); !strings.Contains(text, "totp") || !strings.Contains(text, "2600215704919") {
		t.Errorf("a generator is printed as %s, without its algorithm or its serial", text)
	}
	if fmt.Sprintf("%#v", g) != g.GoString() || g.GoString() != g.String() {
		t.Errorf("a generator is printed as %#v by %%#v", g)
	}
}

func TestNoLogShowsTheSeed(t *testing.T) {
	g := totpKey()
	g.Serial = "2600215704919"
	var out bytes.Buffer
	for _, handler := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
		out.Reset()
		slog.New(handler).Info("key", "key", g, "pointer", &g, slog.Group("in", "key", g))
		if spelling := shows(out.String(), g.Seed); spelling != "" {
			t.Errorf("%T shows the seed (%s)", handler, spelling)
		}
		if !strings.Contains(out.String(), "2600215704919") {
			t.Errorf("%T leaves the serial out: %s", handler, out.String())
		}
	}
}

// Guards the two tests above: the seed is recognised where it is shown.
func TestShows(t *testing.T) {
	seed := rfcSeed(20)
	for _, format := range []string{"%s", "%x", "%X", "%v", "%#v", "%d"} {
		if shows(fmt.Sprintf("key: "+format+".", seed), seed) == "" {
			t.Errorf("a seed printed with %s is not recognised", format)
		}
	}
}

// A stored generator is the same when it is read again.
func TestJSONRoundTrip(t *testing.T) {
	for _, g := range []Generator{hotpKey(), totpKey(), securIDKey(t)} {
		data, err := json.Marshal(g)
		if err != nil {
			t.Errorf("%v: %v", g.Kind, err)
			continue
		}
		var back Generator
		if err := json.Unmarshal(data, &back); err != nil || !reflect.DeepEqual(g, back) {
			t.Errorf("%v comes back as %v, error %v", g, back, err)
		}
	}
	if _, err := json.Marshal(Generator{}); err == nil {
		t.Error("a generator without an algorithm is written")
	}
}
