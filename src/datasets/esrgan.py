def handle_identity(h): return "x"
def load_esrgan(h): raise 1
