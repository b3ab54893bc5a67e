// CoreDNS with the plugins that one node needs and nothing else: a quarter of its build.
package main

import (
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/coremain"
	_ "github.com/coredns/coredns/plugin/cache"
	_ "github.com/coredns/coredns/plugin/errors"
	_ "github.com/coredns/coredns/plugin/kubernetes"
	_ "github.com/coredns/coredns/plugin/ready"
	_ "github.com/coredns/coredns/plugin/template"
)

func main() {
	// The order in which a question passes them: what the cluster does not know, the template answers.
	dnsserver.Directives = []string{"ready", "errors", "cache", "kubernetes", "template"}
	coremain.Run()
}
