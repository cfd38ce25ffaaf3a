"""What validators miss: each rule looks at all objects of a rendering and says in sentences what is wrong."""
