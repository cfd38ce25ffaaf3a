// go run docs/examples/predict.go [URL]
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand"
	"net/http"
	"os"
	"strconv"
	"time"
)

type answer struct {
	Predictions []float32 `json:"predictions"`
	Error       string    `json:"error"`
	Code        string    `json:"code"`
}

// One client for all requests: it keeps its connections.
var client = &http.Client{Timeout: 10500 * time.Millisecond}

func predict(url, model string, instances any, tries int) ([]float32, error) {
	body, err := json.Marshal(map[string]any{"instances": instances})
	if err != nil {
		return nil, err
	}
	for attempt := 1; ; attempt++ {
		request, err := http.NewRequest("POST", url+"/predict/"+model, bytes.NewReader(body))
		if err != nil {
			return nil, err
		}
		request.Header.Set("Content-Type", "application/json")
		request.Header.Set("X-Request-Timeout", "10")
		response, err := client.Do(request)
		if err != nil {
			return nil, err
		}
		var found answer
		err = json.NewDecoder(response.Body).Decode(&found)
		response.Body.Close()
		if response.StatusCode == 200 {
			return found.Predictions, err
		}
		if attempt == tries || (response.StatusCode != 429 && response.StatusCode != 503) {
			return nil, fmt.Errorf("%s: %s", found.Code, found.Error)
		}
		// As long as the service asks for, and a little more, so that callers do not all come back at once.
		asked, _ := strconv.ParseFloat(response.Header.Get("Retry-After"), 64)
		wait := asked + rand.Float64()*0.1*float64(int(1)<<attempt)
		time.Sleep(time.Duration(wait * float64(time.Second)))
	}
}

func main() {
	url := "http://127.0.0.1:8000"
	if len(os.Args) > 1 {
		url = os.Args[1]
	}
	rows := []any{map[string]any{"area": 32, "rooms": 3, "distance": 0.3}, []any{33, 3, 0.5}}
	predictions, err := predict(url, "house-price", rows, 4)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(predictions)
}
