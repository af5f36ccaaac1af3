console.log('tidy')
