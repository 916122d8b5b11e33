package main

import (
	"fmt"

	"seatmeter/shared/wsapi"
)

type asyncapiCommand struct{}

// Run prints the document.
func (asyncapiCommand) Run() error {
	document, err := wsapi.AsyncAPI()
	if err != nil {
		return err
	}
	fmt.Println(string(document))
	return nil
}
