package keyfile_test

import (
	"errors"
	"fmt"
	"strings"

	"github.com/sesame-gateway/sesame/authcore/keyfile"
)

func ExampleRead() {
	file := strings.NewReader(`# a delivery
2600215704919;3132333435363738393031323334353637383930;totp;6;60
2,60E+12;3132333435363738393031323334353637383931;totp;6;60
`)
	for record, err := range keyfile.Read(file, keyfile.Options{}) {
		var problem *keyfile.Problem
		switch {
		case errors.As(err, &problem):
			fmt.Println("refused:", problem.Line)
		case err != nil:
			fmt.Println("the file is refused:", err)
		default:
			fmt.Println(record.Line, record.Serial, record.Generator.Kind, record.Generator.Period)
		}
	}
	// Output:
	// 2 2600215704919 totp 1m0s
	// refused: 3
}
