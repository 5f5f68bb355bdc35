package keyfile

import (
	"crypto/hmac"
	"encoding/base64"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/sesame-gateway/sesame/authcore/internal/textfile"
)

// counted counts the bytes of a file.
type counted struct {
	io.Reader
	n int64
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.n += int64(n)
	return n, err
}

// lots are files of so many keys in each format, made while they are read: as
// wordy as suppliers make them.
func lots(t *testing.T, keys int) map[Format]io.Reader {
	lines := func(head, format string) io.Reader {
		return io.MultiReader(strings.NewReader(head), &generated{keys: keys, entry: func(w io.Writer, i int) {
			fmt.Fprintf(w, format, i, i+1)
		}})
	}
	inBase32 := func(head, format string) io.Reader {
		return io.MultiReader(strings.NewReader(head), &generated{keys: keys, entry: func(w io.Writer, i int) {
			fmt.Fprintf(w, format, i, seedInBase32(i+1))
		}})
	}
	return map[Format]io.Reader{
		OATH:      lines("", "26002157%06[1]d,%040[2]x,totp,6,60,sha1\n"),
		Entra:     inBase32(entraHeading, "prenom.nom%[1]d@ac-example.fr,26002157%06[1]d,%[2]s,60,Feitian,OTP c200\n"),
		YubicoLog: lines("LOGGING START,11.12.13 18:55\n", "OATH-HOTP,11.12.13 18:55,1,cccccccc%06[1]d,,%040[2]x,,,0,0,0,6,0,0,0,0,0,0\n"),
		Yubico:    lines("", "26002157%06[1]d,,0,%040[2]x,,2013-12-12T08:41:07,\n"),
		OTPAuth:   inBase32("", "otpauth://totp/Rectorat%%20de%%20l%%27acad%%C3%%A9mie:prenom.nom%[1]d@ac-example.fr?secret=%[2]s&issuer=Rectorat&algorithm=SHA1&digits=6&period=60&serial=26002157%06[1]d\n"),
		SafeNet: io.MultiReader(lines("<Tokens>\n", fmt.Sprintf(safeNetToken, "26002157%06[1]d", "%040[2]x", "0")),
			strings.NewReader("</Tokens>")),
		SDTID: sdtidLot(t, keys),
		PSKC:  pskcLot(t, keys),
	}
}

// seedInBase32 is a seed of 20 bytes.
func seedInBase32(n int) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
	text := []byte("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ")
	for i := len(text) - 1; n > 0; i-- {
		text[i] = alphabet[n%32]
		n /= 32
	}
	return string(text)
}

// pskcLot is a container as csv2pskc writes it, indented and with a prefix before
// each name: the wordiest of what is in use. Its values are encrypted.
func pskcLot(t *testing.T, keys int) io.Reader {
	t.Helper()
	s := aes128()
	_, rest, _ := strings.Cut(testdata(t, "pskc_preshared.pskc"), " <pskc:KeyPackage>")
	entry, _, _ := strings.Cut(rest, "</pskc:KeyPackage>")
	entry = " <pskc:KeyPackage>" + entry + "</pskc:KeyPackage>\n"
	head := strings.Replace(s.head(), " xmlns:xenc", ` xmlns:pskc="urn:ietf:params:xml:ns:keyprov:pskc" xmlns:xenc`, 1)
	return io.MultiReader(strings.NewReader(head), &generated{keys: keys, entry: func(w io.Writer, i int) {
		text := s.encrypt(fmt.Appendf(nil, "%020d", i))
		mac := hmac.New(s.hash, s.macKey)
		mac.Write(text)
		out := between(entry, "<pskc:SerialNo>", fmt.Sprintf("26002157%06d", i))
		out = between(out, "<xenc:CipherValue>", base64.StdEncoding.EncodeToString(text))
		io.WriteString(w, between(out, "<pskc:ValueMAC>", base64.StdEncoding.EncodeToString(mac.Sum(nil))))
	}}, strings.NewReader("</KeyContainer>"))
}

// sdtidLot is a batch of SecurID keys under the header of a file that stoken made.
func sdtidLot(t *testing.T, keys int) io.Reader {
	t.Helper()
	file := testdata(t, "batch3.sdtid")
	head, rest, _ := strings.Cut(file, "<TKN>\n")
	token, _, _ := strings.Cut(rest, "</TKN>")
	token = "<TKN>\n" + token + "</TKN>\n"
	x := newXMLFile(must(textfile.Open(strings.NewReader(file), MaxBytes, ErrTooLarge)))
	must(x.root())
	k := must(newSDTIDKeys(must(x.child()), "RSA Demo"))
	e := must(x.child())
	return io.MultiReader(strings.NewReader(head), &generated{keys: keys, entry: func(w io.Writer, i int) {
		sn, seed := e.find("SN"), e.find("Seed")
		sn.text, seed.text = fmt.Sprintf("%09d", 200_000_000+i), "="+base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "%016d", i))
		text := between(between(token, "<SN>", sn.text), "<Seed>", seed.text)
		io.WriteString(w, between(text, "<TokenMAC>", k.tokenMAC(e)))
	}}, strings.NewReader("</TKNBatch>"))
}

// between replaces the text of an element.
func between(text, tag, value string) string {
	before, rest, _ := strings.Cut(text, tag)
	_, after, _ := strings.Cut(rest, "<")
	return before + tag + value + "<" + after
}

// tokenMAC is the MAC that proves a token.
func (k *sdtidKeys) tokenMAC(token *element) string {
	key := cbcMAC(k.batch, sdtidTokenIV, join(fit("TokenMAC", 32), fit(token.value("SN"), 32)))
	mac := cbcMAC(key, sdtidTokenIV, sdtidText(token))
	return base64.StdEncoding.EncodeToString(mac[:])
}

// TestMemoryIsFlatInEveryFormat reads many keys of each format in memory that does
// not depend on the size of the file: it is that of the serial numbers. A fifth of
// the largest lot is read, since a fifth shows as much in a fifth of the time; five
// times the file may still not come near the bound of one.
func TestMemoryIsFlatInEveryFormat(t *testing.T) {
	const fifths, keys, bound = 5, 20_000, 768 << 10
	for format, file := range lots(t, keys) {
		t.Run(format.String(), func(t *testing.T) {
			in := &counted{Reader: file}
			o := aes128().options()
			o.Format = format
			read, most := peak(t, in, o)
			if read != keys || most > bound {
				t.Errorf("%d keys took %d KiB, want %d keys in %d", read, most>>10, keys, bound>>10)
			}
			if in.n*fifths > MaxBytes*2/3 {
				t.Errorf("the file has %d MiB: a wordier one may not pass", in.n>>20)
			}
			t.Logf("%d keys in %d MiB took at most %d KiB", read, in.n>>20, most>>10)
		})
	}
}
