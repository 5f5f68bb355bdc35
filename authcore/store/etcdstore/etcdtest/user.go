package etcdtest

import (
	"errors"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
)

// RootPassword is that of etcd's own user, once Guard has made one.
const RootPassword = "of-the-tree"

// Guard has the cluster ask who is there from now on, and makes a user who may read
// and write below a prefix and nowhere else.
func (c *Cluster) Guard(username, password, prefix string) {
	c.t.Helper()
	client := c.Members[0].Client()
	defer client.Close()
	ctx := c.t.Context()
	var errs []error
	demand := func(_ any, err error) { errs = append(errs, err) }
	demand(client.UserAdd(ctx, "root", RootPassword))
	demand(client.RoleAdd(ctx, "root"))
	demand(client.UserGrantRole(ctx, "root", "root"))
	demand(client.UserAdd(ctx, username, password))
	demand(client.RoleAdd(ctx, username))
	end := clientv3.GetPrefixRangeEnd(prefix)
	demand(client.RoleGrantPermission(ctx, username, prefix, end, clientv3.PermissionType(clientv3.PermReadWrite)))
	demand(client.UserGrantRole(ctx, username, username))
	demand(client.AuthEnable(ctx))
	if err := errors.Join(errs...); err != nil {
		c.t.Fatal(err)
	}
}

// Root returns a client of etcd's own user, closed with the test.
func (c *Cluster) Root() *clientv3.Client {
	c.t.Helper()
	m := c.Members[0]
	client, err := clientv3.New(clientv3.Config{
		Endpoints: c.URLs(), TLS: m.tls, Username: "root", Password: RootPassword, Logger: zap.NewNop(),
	})
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { _ = client.Close() })
	return client
}
