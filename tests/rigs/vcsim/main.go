// A vCenter for tests: the simulator of govmomi (Debian's golang-github-vmware-govmomi-dev), and before it a server of our own that adds
// what it lacks (changed areas, change ids, consolidation, pages of properties, sets of updates that come in parts, export) and is as
// strict as a real server: TLS, sessions that end, elements in the order of the schema.
//
// It listens on a loopback port, prints one line of JSON once it is ready, and ends when its standard input does. POST /rig/… steers it.
package main

import (
	"crypto/sha1"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/vmware/govmomi/simulator"
	_ "github.com/vmware/govmomi/vapi/simulator" // tags
)

func main() {
	machines := flag.Int("machines", 4, "how many machines there are")
	user := flag.String("user", "user@rig.local", "who may log in")
	password := flag.String("password", "secret", "with which password")
	directory := flag.String("directory", "", "where the authority's certificate is written to")
	flag.Parse()
	log.SetOutput(io.Discard) // the simulator tells every call

	model := simulator.VPX()
	model.Host = 0
	model.Machine = *machines
	if err := model.Create(); err != nil {
		fail(err)
	}
	inner := model.Service
	inner.Listen = &url.URL{Host: "127.0.0.1:0", User: url.UserPassword(*user, *password)}
	inner.RegisterEndpoints = true // tags
	server := inner.NewServer()

	authority, certificate, err := makeCertificates()
	if err != nil {
		fail(err)
	}
	caFile := filepath.Join(*directory, "ca.pem")
	if err := os.WriteFile(caFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: authority}), 0o600); err != nil {
		fail(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fail(err)
	}
	keep := filepath.Join(*directory, "kept")
	if err := os.Mkdir(keep, 0o700); err != nil {
		fail(err)
	}
	handler := newFront("http://"+server.URL.Host, simulator.Map, *user, *password, keep)
	sha256sum := sha256.Sum256(certificate.Certificate[0])
	sha1sum := sha1.Sum(certificate.Certificate[0])
	handler.thumbprint = strings.Join(strings.Fields(fmt.Sprintf("% X", sha1sum)), ":")
	if err := handler.readyDisks(); err != nil {
		fail(err)
	}
	front := &http.Server{
		Handler:      handler,
		TLSConfig:    &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12},
		TLSNextProto: map[string]func(*http.Server, *tls.Conn, http.Handler){}, // HTTP/1.1, as vCenter's own
		ErrorLog:     log.New(os.Stderr, "", 0),
	}
	go func() { fail(front.ServeTLS(listener, "", "")) }()

	ready, err := json.Marshal(map[string]string{
		"url": fmt.Sprintf("https://localhost:%d", listener.Addr().(*net.TCPAddr).Port), "ca": caFile,
		"sha256": hex.EncodeToString(sha256sum[:]), "sha1": hex.EncodeToString(sha1sum[:]),
	})
	if err != nil {
		fail(err)
	}
	fmt.Println(string(ready))

	// Whoever started it holds the other end; when that is gone, so is the need.
	if _, err := io.Copy(io.Discard, os.Stdin); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	model.Remove()
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "vcsim:", err)
	os.Exit(1)
}
