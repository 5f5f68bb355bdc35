package ui

import (
	"embed"
	"encoding/json"
	"fmt"
	"strings"

	"golang.org/x/text/language"
)

// Lang is a language of the pages. The zero value is French, the default.
type Lang uint8

// The languages of the pages.
const (
	French Lang = iota
	English
)

var langTags = [...]string{French: "fr", English: "en"}

// matcher prefers French wherever the browser names neither language.
var matcher = language.NewMatcher([]language.Tag{language.French, language.English})

// longestAcceptLanguage bounds, in bytes, what is parsed of the header; no
// browser sends a tenth of it.
const longestAcceptLanguage = 512

// Langs lists the languages of the pages, the default first.
func Langs() []Lang { return []Lang{French, English} }

// String is the language's BCP 47 tag: "fr", "en".
func (l Lang) String() string {
	if !l.valid() {
		return "und"
	}
	return langTags[l]
}

// Other is the language that the page's switch offers.
func (l Lang) Other() Lang {
	if l == French {
		return English
	}
	return French
}

func (l Lang) valid() bool { return int(l) < len(langTags) }

// Negotiate picks the language of a page: the person's own choice ("fr" or
// "en", from a cookie or the query) when there is one, else what the
// Accept-Language header (RFC 9110, section 12.5.4) prefers, else French.
// Both may be empty, or anything at all.
func Negotiate(chosen, acceptLanguage string) Lang {
	for _, l := range Langs() {
		if chosen == l.String() {
			return l
		}
	}
	if len(acceptLanguage) > longestAcceptLanguage {
		return French
	}
	tags, _, err := language.ParseAcceptLanguage(acceptLanguage)
	if err != nil {
		return French
	}
	_, index, confidence := matcher.Match(tags...)
	if confidence == language.No {
		return French
	}
	return Lang(index)
}

//go:embed locales/*.json
var locales embed.FS

// catalogue is the texts of one language.
type catalogue struct {
	lang  Lang
	texts map[string]string
}

func readCatalogue(l Lang) (catalogue, error) {
	data, err := locales.ReadFile("locales/" + l.String() + ".json")
	if err != nil {
		return catalogue{}, fmt.Errorf("read the texts: %w", err)
	}
	c := catalogue{lang: l}
	if err := json.Unmarshal(data, &c.texts); err != nil {
		return catalogue{}, fmt.Errorf("read the texts in %s.json: %w", l, err)
	}
	return c, nil
}

// text returns the text of a key, with each {name} replaced by the value that
// follows that name in pairs. The result is plain text: the template escapes
// it, whatever the values hold.
func (c catalogue) text(key string, pairs ...any) (string, error) {
	text, ok := c.texts[key]
	if !ok {
		return "", fmt.Errorf("there is no text %q in %s.json", key, c.lang)
	}
	if len(pairs) == 0 {
		return text, nil
	}
	if len(pairs)%2 != 0 {
		return "", fmt.Errorf("text %q: %d names and values, which is not pairs", key, len(pairs))
	}
	olds := make([]string, 0, len(pairs))
	for i := 0; i < len(pairs); i += 2 {
		olds = append(olds, fmt.Sprintf("{%v}", pairs[i]), fmt.Sprint(pairs[i+1]))
	}
	return strings.NewReplacer(olds...).Replace(text), nil
}

func (c catalogue) has(key string) bool {
	_, ok := c.texts[key]
	return ok
}

// first returns the first of the keys that has a text, or the last one.
func (c catalogue) first(keys ...string) string {
	for _, key := range keys {
		if c.has(key) {
			return key
		}
	}
	return keys[len(keys)-1]
}
