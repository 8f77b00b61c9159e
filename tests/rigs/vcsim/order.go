package main

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"reflect"
	"strings"

	"github.com/vmware/govmomi/vim25/types"
)

// checkOrder says what a real server would refuse a request for: elements that its type does not have, that come in another order than
// the schema's, twice where there can be one, or not at all where there must be one. The simulator itself takes anything.
//
// The types are govmomi's, which are generated from the WSDL: fields in its order, those of the base type first.
func checkOrder(body []byte) error {
	decoder := xml.NewDecoder(bytes.NewReader(body))
	for depth := 0; ; {
		token, err := decoder.Token()
		if err == io.EOF {
			return fmt.Errorf("no request in it")
		}
		if err != nil {
			return err
		}
		if start, ok := token.(xml.StartElement); ok {
			if depth++; depth == 3 { // Envelope, Body, the request
				if start.Name.Space != "urn:vim25" {
					return fmt.Errorf("%s is in namespace '%s'", start.Name.Local, start.Name.Space)
				}
				kind, ok := types.TypeFunc()(start.Name.Local)
				if !ok {
					return fmt.Errorf("there is no %s", start.Name.Local)
				}
				return checkElement(decoder, start, kind)
			}
		}
	}
}

type field struct {
	name     string
	kind     reflect.Type
	many     bool
	required bool
}

// fields lists what a type has, in the order of the schema.
func fields(kind reflect.Type) []field {
	var list []field
	for i := 0; i < kind.NumField(); i++ {
		f := kind.Field(i)
		if f.Anonymous {
			list = append(list, fields(f.Type)...)
			continue
		}
		parts := strings.Split(f.Tag.Get("xml"), ",")
		optional := false
		for _, option := range parts[1:] {
			optional = optional || option == "omitempty"
		}
		one := f.Type
		many := one.Kind() == reflect.Slice && one.Elem().Kind() != reflect.Uint8
		if many {
			one = one.Elem()
		}
		if one.Kind() == reflect.Ptr {
			optional = true
			one = one.Elem()
		}
		list = append(list, field{name: parts[0], kind: one, many: many, required: !optional})
	}
	return list
}

func checkElement(decoder *xml.Decoder, start xml.StartElement, declared reflect.Type) error {
	kind := declared
	for _, attribute := range start.Attr {
		if attribute.Name.Local == "type" && attribute.Name.Space == "http://www.w3.org/2001/XMLSchema-instance" {
			named, ok := types.TypeFunc()(attribute.Value)
			if !ok {
				return fmt.Errorf("%s is of type '%s', which does not exist", start.Name.Local, attribute.Value)
			}
			kind = named
		}
	}
	if kind.Kind() != reflect.Struct || kind == reflect.TypeOf(types.ManagedObjectReference{}) || kind.PkgPath() == "time" {
		return decoder.Skip()
	}
	list := fields(kind)
	seen := make([]int, len(list))
	at := 0
	for {
		token, err := decoder.Token()
		if err != nil {
			return err
		}
		switch element := token.(type) {
		case xml.StartElement:
			index := -1
			for i := range list {
				if list[i].name == element.Name.Local {
					index = i
				}
			}
			if index < 0 {
				return fmt.Errorf("%s has no %s", kind.Name(), element.Name.Local)
			}
			if index < at {
				return fmt.Errorf("in %s, %s comes after %s", kind.Name(), element.Name.Local, list[at].name)
			}
			if seen[index]++; seen[index] > 1 && !list[index].many {
				return fmt.Errorf("%s has %s twice", kind.Name(), element.Name.Local)
			}
			at = index
			if err := checkElement(decoder, element, list[index].kind); err != nil {
				return err
			}
		case xml.EndElement:
			for i := range list {
				if list[i].required && seen[i] == 0 {
					return fmt.Errorf("%s lacks %s", kind.Name(), list[i].name)
				}
			}
			return nil
		}
	}
}
