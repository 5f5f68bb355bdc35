// Command etcd is etcd's own server (go.etcd.io/etcd), for the tests: a module of
// its own, so that what only the server needs is not among what the gate is made of.
package main

import (
	"os"

	"go.etcd.io/etcd/server/v3/etcdmain"
)

func main() { etcdmain.Main(os.Args) }
