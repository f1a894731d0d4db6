"""Where the database comes from: the engine, the embedded server and the migrations runner."""
