package ui

// Texts returns the texts of a language by their keys.
func Texts(l Lang) (map[string]string, error) {
	c, err := readCatalogue(l)
	return c.texts, err
}

// NewWithTexts is New with every text replaced by what rewrite makes of it.
func NewWithTexts(rewrite func(key, text string) string) (*Renderer, error) {
	var catalogues []catalogue
	for _, lang := range Langs() {
		c, err := readCatalogue(lang)
		if err != nil {
			return nil, err
		}
		for key, text := range c.texts {
			c.texts[key] = rewrite(key, text)
		}
		catalogues = append(catalogues, c)
	}
	return newRenderer(catalogues)
}
