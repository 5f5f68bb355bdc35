package ui_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/sesame-gateway/sesame/ui"
	"github.com/sesame-gateway/sesame/ui/internal/states"
)

// The messages stand in golden files, subject first.
func TestGoldenMails(t *testing.T) {
	dir, names := filepath.Join("testdata", "mail"), 0
	for _, m := range states.Mails() {
		for _, l := range ui.Langs() {
			names++
			subject, body, err := renderer(t).RenderMail(m.In(l))
			if err != nil {
				t.Fatal(err)
			}
			got, file := subject+"\n\n"+body, filepath.Join(dir, m.Name+"."+l.String()+".txt")
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("%s is not the golden one (-want +got):\n%s", file, diff)
			}
		}
	}
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(files) != names {
		t.Errorf("%s holds %d files for %d messages (%v)", dir, len(files), names, err)
	}
}

// A message holds no line that a mail server would break, no tag, and nothing that
// was left unfilled.
func TestMailForm(t *testing.T) {
	for _, m := range states.Mails() {
		for _, l := range ui.Langs() {
			subject, body, err := renderer(t).RenderMail(m.In(l))
			if err != nil {
				t.Fatal(err)
			}
			for line := range strings.SplitSeq(subject+"\n"+body, "\n") {
				if utf8.RuneCountInString(line) > 78 || strings.ContainsAny(line, "{}<>") || strings.TrimSpace(line) != line {
					t.Errorf("%s, %s: %q", m.Name, l, line)
				}
			}
			if strings.Contains(body, "\n\n\n") || !strings.HasSuffix(body, ".\n") || strings.ContainsAny(subject, "\r\n") {
				t.Errorf("%s, %s: %q\n%q", m.Name, l, subject, body)
			}
		}
	}
}

// What somebody has typed stands in the body alone, and makes no line of its own.
func TestMailOfHostileValues(t *testing.T) {
	hostile := "x\r\nBcc: everybody@example.org\r\n\r\n" + strings.Repeat("é", 300) + "\xff{serial}"
	for _, m := range states.Mails() {
		mail := m.In(ui.French)
		plain, _, err := renderer(t).RenderMail(mail)
		if err != nil {
			t.Fatal(err)
		}
		mail.Name, mail.Passkey, mail.SerialTail, mail.Reference = hostile, hostile, hostile, hostile
		subject, body, err := renderer(t).RenderMail(mail)
		if err != nil || subject != plain {
			t.Errorf("%s: the subject is %q, %v", m.Name, subject, err)
		}
		if strings.Contains(body, "\nBcc:") || strings.Contains(body, "\r") || !utf8.ValidString(body) {
			t.Errorf("%s: %q", m.Name, body)
		}
	}
}

func TestMailOfNoKind(t *testing.T) {
	for _, m := range []ui.Mail{{}, {Kind: ui.MailKeyUnlocked + 1}, {Kind: ui.MailPINCleared, Lang: 9}} {
		if _, _, err := renderer(t).RenderMail(m); err == nil {
			t.Errorf("%+v is rendered", m)
		}
	}
	if got := ui.MailKind(0).String(); got != "invalid" {
		t.Errorf("the zero kind is %q", got)
	}
}

// What hands a request on has each field to the letter, and a subject of one line.
func TestGoldenRequestMails(t *testing.T) {
	for i, m := range states.RequestMails() {
		subject, body, err := renderer(t).RenderRequest(m)
		if err != nil {
			t.Fatal(err)
		}
		got, file := subject+"\n\n"+body, filepath.Join("testdata", "request", []string{"stranger.txt", "holder.txt"}[i])
		if *update {
			if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), got); diff != "" {
			t.Errorf("%s is not the golden one (-want +got):\n%s", file, diff)
		}
		if strings.ContainsAny(subject, "\r\n\u2028\u202e") {
			t.Errorf("the subject %q has more than a line", subject)
		}
	}
	if _, _, err := renderer(t).RenderRequest(ui.RequestMail{Lang: 7}); err == nil {
		t.Error("a mail in no language is made")
	}
}
