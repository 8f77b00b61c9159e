package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/vmware/govmomi/simulator"
)

// folder serves files of datastores to whoever has a session: the simulator asks for none, and is not strict about where a datastore is.
func (f *front) folder(w http.ResponseWriter, r *http.Request) {
	operation := "folder-" + strings.ToLower(r.Method)
	now := f.next(operation)
	if now != nil && now.What == "expire" {
		f.expire()
	}
	if !f.isLive(r) {
		w.Header().Set("WWW-Authenticate", `Basic realm="VMware HTTP server"`)
		http.Error(w, "no session", http.StatusUnauthorized)
		return
	}
	path := ""
	for _, one := range f.registry.All("Datastore") {
		datastore := one.(*simulator.Datastore)
		if datastore.Name == r.URL.Query().Get("dsName") && r.URL.Query().Get("dcPath") == "DC0" {
			path = filepath.Join(datastore.Info.GetDatastoreInfo().Url, strings.TrimPrefix(r.URL.Path, "/folder/"))
		}
	}
	file, err := os.Open(path)
	if err != nil {
		http.NotFound(w, r)
		return
	}
	defer file.Close()
	facts, err := file.Stat()
	if err != nil || facts.IsDir() {
		http.NotFound(w, r)
		return
	}
	f.serveFile(w, r, file, facts, now)
}

// serveFile sends a file, or a part of it, or what a test has it send instead.
func (f *front) serveFile(w http.ResponseWriter, r *http.Request, file *os.File, facts os.FileInfo, now *incident) {
	var from, to int64
	ranged, err := fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-%d", &from, &to)
	isRange := err == nil && ranged == 2
	if now != nil {
		length := to - from + 1
		switch now.What {
		case "drop-request":
			panic(http.ErrAbortHandler)
		case "body":
			w.Header().Set("Content-Type", now.Type)
			w.WriteHeader(now.Status)
			f.write(w, []byte(now.Body))
			return
		case "redirect":
			http.Redirect(w, r, "https://localhost:1/elsewhere", http.StatusFound)
			return
		case "whole":
			r.Header.Del("Range")
		case "half", "fewer", "shifted", "more", "other-length": // the connection ends early; as many as are told, which are too few; …
			if !isRange {
				break
			}
			told, shift, sent, whole := length, int64(0), length, facts.Size()
			switch now.What {
			case "half":
				sent /= 2
			case "fewer":
				sent /= 2
				told = sent
			case "shifted":
				shift = 512
			case "more":
				told, sent = -1, sent+512
			case "other-length":
				whole += 512
			}
			body := make([]byte, sent)
			if n, _ := file.ReadAt(body, from); n == 0 {
				http.Error(w, "nothing there", http.StatusInternalServerError)
				return
			}
			w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from+shift, to+shift, whole))
			w.Header().Set("Last-Modified", facts.ModTime().UTC().Format(http.TimeFormat))
			if told >= 0 {
				w.Header().Set("Content-Length", fmt.Sprint(told))
			}
			w.WriteHeader(http.StatusPartialContent)
			f.write(w, body)
			if flusher, ok := w.(http.Flusher); ok {
				flusher.Flush()
			}
			if now.What == "half" {
				panic(http.ErrAbortHandler)
			}
			return
		}
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	http.ServeContent(w, r, "", facts.ModTime(), file)
}
